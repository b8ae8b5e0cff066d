"""What is said of a picture's patches in place of a text's words: a sentence for each that may be shown of either."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attnviz.i18n.messages import phrase, replace_sentences

OF_PATCHES = {
    "1 feature that is 0 for every word is left out": phrase("1 feature that is 0 for every patch is left out"),
    "1 other word": phrase("1 other patch"),
    "A heatmap of {rows} x {columns} words": phrase("A heatmap of {rows} x {columns} patches"),
    (
        "A sum of {width} products grows like √{width} = {root}. Without the division the scores would be so "
        "far apart that one word got nearly everything."
    ): phrase(
        "A sum of {width} products grows like √{width} = {root}. Without the division the scores would be so "
        "far apart that one patch got nearly everything."
    ),
    "A text of {columns} words, shaded": phrase("The names of {columns} patches, shaded"),
    "A word is given by its text or by its index, not by {value!r}.": phrase(
        "A patch is given by its row and column, by its name or by its index, not by {value!r}."
    ),
    "A word's share is its weight times the length of its value |v|, divided by the sum of these.": phrase(
        "A patch's share is its weight times the length of its value |v|, divided by the sum of these."
    ),
    "Above the line words look right or at themselves, below left.": phrase(
        "Above the line patches look right or at themselves, below left."
    ),
    "Arcs from {rows} words to {columns}": phrase("Arcs from {rows} patches to {columns}"),
    "Arcs of {title}: from each of {rows} words to those it looks at.": phrase(
        "Arcs of {title}: from each of {rows} patches to those it looks at."
    ),
    "Arrow keys on the picture or the text: from word to word, from map to map": phrase(
        "Arrow keys on the picture: from patch to patch, from map to map"
    ),
    "Bars of {columns} words": phrase("Bars of {columns} patches"),
    "Each cell of a small map is {rows} x {columns} words: the strongest of them.": phrase(
        "Each cell of a small map is {rows} x {columns} patches: the strongest of them."
    ),
    "each row is what a word gives to the words that are shown": phrase(
        "each row is what a patch gives to the patches that are shown"
    ),
    "each row is what a word gives to the words that are shown, re-normalized to sum to 1": phrase(
        "each row is what a patch gives to the patches that are shown, re-normalized to sum to 1"
    ),
    "The numbers are rounded: before words were hidden, each was within .002 of the largest in its row.": phrase(
        "The numbers are rounded: before columns were hidden, each was within .002 of the largest in its row."
    ),
    (
        "Each head has queries, keys and values of its own, and so weights of its own. The entropy is 0 bits "
        "where one word gets everything, and {bits} bits where all get the same."
    ): phrase(
        "Each head has queries, keys and values of its own, and so weights of its own. The entropy is 0 bits "
        "where one patch gets everything, and {bits} bits where all get the same."
    ),
    "Drawn: each word's strongest arcs, to {share} of its weight.": phrase(
        "Drawn: each patch's strongest arcs, to {share} of its weight."
    ),
    "Enter: open the map or select the word; Escape: undo the selection": phrase(
        "Enter: open the map or select the patch; Escape: undo the selection"
    ),
    (
        "Every value times the weight of its word, added up feature by feature: the vector of “{word}” after "
        "it has looked at all words."
    ): phrase(
        "Every value times the weight of its patch, added up feature by feature: the vector of “{word}” "
        "after it has looked at all patches."
    ),
    "Every word looks at all words alike: there is no arc to draw.": phrase(
        "Every patch looks at all patches alike: there is no arc to draw."
    ),
    "Find a word": phrase("Find a patch"),
    "Heatmap of {title}: {rows} words that look, {columns} that are looked at.": phrase(
        "Heatmap of {title}: {rows} patches that look, {columns} that are looked at."
    ),
    "Hidden words have a part in every row: a row cannot be redone without them.": phrase(
        "Hidden patches have a part in every row: a row cannot be redone without them."
    ),
    "How much each word receives": phrase("How much each patch receives"),
    (
        "How much “{word}” looks at each word. Only the weights are known here, not the scores and vectors "
        "they came from, so they cannot be redone."
    ): phrase(
        "How much “{word}” looks at each patch. Only the weights are known here, not the scores and vectors "
        "they came from, so they cannot be redone."
    ),
    "How much “{word}” looks at each word: its part of the sum. The weights of a row sum to 1.": phrase(
        "How much “{word}” looks at each patch: its part of the sum. The weights of a row sum to 1."
    ),
    "How “{word}” looks at the words": phrase("How “{word}” looks at the patches"),
    "How “{word}” looks at the words, redone by hand": phrase("How “{word}” looks at the patches, redone by hand"),
    "Nothing is multiplied here: the word's vector is used as it is.": phrase(
        "Nothing is multiplied here: the patch's vector is used as it is."
    ),
    "Nothing is multiplied here: this head's part of the word's vector is used as it is.": phrase(
        "Nothing is multiplied here: this head's part of the patch's vector is used as it is."
    ),
    "Point at a word, or select one, to see whom it looks at.": phrase(
        "Point at a patch, or select one, to see what it looks at."
    ),
    "Select a word to see its arcs: the text is too long to draw those of all words.": phrase(
        "Select a patch to see its arcs: they are too many to draw those of all patches."
    ),
    "The entropy is 0 bits where one word gets everything, and {bits} bits where all get the same.": phrase(
        "The entropy is 0 bits where one patch gets everything, and {bits} bits where all get the same."
    ),
    (
        "The entropy of the row, in bits (Shannon 1948): 0 where one word gets everything, log2 {count} = "
        "{most} where all {count} get the same. A weight of 0 adds nothing."
    ): phrase(
        "The entropy of the row, in bits (Shannon 1948): 0 where one patch gets everything, log2 {count} = "
        "{most} where all {count} get the same. A weight of 0 adds nothing."
    ),
    "Right: words look down or at themselves. Left: up.": phrase(
        "Right: patches look down or at themselves. Left: up."
    ),
    "The mask forbids some words.": phrase("The mask forbids some patches."),
    "The mean over all words that look; select a word to see whom it looks at.": phrase(
        "The mean over all patches that look; select a patch to see what it looks at."
    ),
    "The text": phrase("The patches"),
    "The words above look at the words below.": phrase("The patches above look at the patches below."),
    "The words on the left look at the words on the right.": phrase(
        "The patches on the left look at the patches on the right."
    ),
    "The {count} words with the largest weights are shown.": phrase(
        "The {count} patches with the largest weights are shown."
    ),
    "There is room for the labels of only one word in {step}; all {count} words are drawn.": phrase(
        "There is room for the labels of only one patch in {step}; all {count} patches are drawn."
    ),
    "What each word offers to a query.": phrase("What each patch offers to a query."),
    "What each word passes on to the words that look at it.": phrase(
        "What each patch passes on to the patches that look at it."
    ),
    "Where there is no product, the word's own features are copied.": phrase(
        "Where there is no product, the patch's own features are copied."
    ),
    "Word": phrase("Patch"),
    "Words": phrase("Names"),
    "as in the text": phrase("as in the picture"),
    "each row is one word's attention and sums to 1": phrase("each row is one patch's attention and sums to 1"),
    "each row is one word's attention and sums to 1 within {off}": phrase(
        "each row is one patch's attention and sums to 1 within {off}"
    ),
    "each row is one word's attention and sums to 1, except for words that looked at nothing else": phrase(
        "each row is one patch's attention and sums to 1, except for patches that looked at nothing else"
    ),
    "each row is one word's attention and sums to 1, except for words that may look at nothing": phrase(
        "each row is one patch's attention and sums to 1, except for patches that may look at nothing"
    ),
    "each row is one word's attention; {rest}": phrase("each row is one patch's attention; {rest}"),
    "each row is one word's attention; {share} of the weight, not shown, went to {pieces}": phrase(
        "each row is one patch's attention; {share} of the weight, not shown, went to {pieces}"
    ),
    "each word's query, key and value vectors": phrase("each patch's query, key and value vectors"),
    (
        "flow: the most that the layers can carry from each input word, rows divided by their sums (Abnar "
        "and Zuidema 2020, section 3)"
    ): phrase(
        "flow: the most that the layers can carry from each input patch, rows divided by their sums (Abnar "
        "and Zuidema 2020, section 3)"
    ),
    "from 1 other word": phrase("from 1 other patch"),
    "from {count} other words": phrase("from {count} other patches"),
    "how much each word receives, the mean over all that look": phrase(
        "how much each patch receives, the mean over all that look"
    ),
    "how much “{token}” looks at each word": phrase("how much “{token}” looks at each patch"),
    (
        "norm: the length of all that a word adds in the attention block, with the residual and a norm after "
        "it, if any; rows divided by their sums (Kobayashi et al. 2020, equation 3; 2021, section 3.2)"
    ): phrase(
        "norm: the length of all that a patch adds in the attention block, with the residual and a norm "
        "after it, if any; rows divided by their sums (Kobayashi et al. 2020, equation 3; 2021, section 3.2)"
    ),
    (
        "norm: the length of all that a word adds, rows divided by their sums (Kobayashi et al. 2020, equation 3)"
    ): phrase(
        "norm: the length of all that a patch adds, rows divided by their sums (Kobayashi et al. 2020, equation 3)"
    ),
    "output: each word's new vector, the mean of the values by its weights": phrase(
        "output: each patch's new vector, the mean of the values by its weights"
    ),
    (
        "rollout: how much of each input word comes through the layers, where half of each step stays with "
        "the word itself (Abnar and Zuidema 2020, equation 1)"
    ): phrase(
        "rollout: how much of each input patch comes through the layers, where half of each step stays with "
        "the patch itself (Abnar and Zuidema 2020, equation 1)"
    ),
    "the first word": phrase("the first token"),
    "the next word": phrase("the next patch"),
    "the previous word": phrase("the previous patch"),
    "the same word elsewhere": phrase("a token of the same name elsewhere"),
    (
        "value zeroing: how far the layer's output turns without a word's value, rows divided by their sums "
        "(Mohebbi et al. 2023)"
    ): phrase(
        "value zeroing: how far the layer's output turns without a patch's value, rows divided by their sums "
        "(Mohebbi et al. 2023)"
    ),
    "word ↓": phrase("patch ↓"),
    "{count} features that are 0 for every word are left out": phrase(
        "{count} features that are 0 for every patch are left out"
    ),
    "{count} heatmaps of {rows} x {columns} words": phrase("{count} heatmaps of {rows} x {columns} patches"),
    "{count} maps of {rows} x {columns} words would be higher than a page at --width {width}.": phrase(
        "{count} maps of {rows} x {columns} patches would be higher than a page at --width {width}."
    ),
    "{count} other words": phrase("{count} other patches"),
    "{count} sets of arcs from {rows} words to {columns}": phrase(
        "{count} sets of arcs from {rows} patches to {columns}"
    ),
    "{count} sets of bars of {columns} words": phrase("{count} sets of bars of {columns} patches"),
    "{count} texts would be higher than a page at --width {width}.": phrase(
        "The names of the patches, {count} times, would be higher than a page at --width {width}."
    ),
    "{count} times a text of {columns} words, shaded": phrase("{count} times the names of {columns} patches, shaded"),
    "{count} words are too many for arcs.": phrase("{count} patches are too many for arcs."),
    "“{token}” is a sink and hidden: the other words give it {share} on average.": phrase(
        "“{token}” is a sink and hidden: the other patches give it {share} on average."
    ),
    (
        "“{token}” is a sink and hidden: the other words give it {share} on average. Each row of the rest "
        "was re-normalized to sum to 1."
    ): phrase(
        "“{token}” is a sink and hidden: the other patches give it {share} on average. Each row of the rest "
        "was re-normalized to sum to 1."
    ),
    "“{word}” may look at every word.": phrase("“{word}” may look at every patch."),
    "† “{token}” is a sink: the other words give it {share} on average.": phrase(
        "† “{token}” is a sink: the other patches give it {share} on average."
    ),
    "words are coloured from the even share on": phrase("names are coloured from the even share on"),
}


def speak_of_patches() -> None:
    """Say "patch" where a sentence says "word", from now on."""
    replace_sentences(OF_PATCHES)


@contextmanager
def speaking_of_patches() -> Iterator[None]:
    """Say "patch" where a sentence says "word" inside the `with` block."""
    before = replace_sentences(OF_PATCHES)
    try:
        yield
    finally:
        replace_sentences(before)
