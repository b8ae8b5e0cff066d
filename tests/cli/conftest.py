"""What the tests of the command line share."""

from __future__ import annotations

import pytest

from attnviz import cli


@pytest.fixture
def call(capsys):
    """Run the command line in this process: exit code, standard output, standard error."""

    def called(*arguments):
        with pytest.raises(SystemExit) as stop:
            cli.main(list(arguments))
        return stop.value.code, *capsys.readouterr()

    return called
