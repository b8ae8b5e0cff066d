"""The sentences of the page's controls; a page holds each of them in every language.

The page's script fills their {fields}, so that a sentence is translated as a whole.
"""

from __future__ import annotations

import re
from dataclasses import replace

from attnviz.i18n.messages import LANGUAGES, Message, message, speaking

_FIELD = re.compile(r"\{(\w+)\}")

SENTENCES: dict[str, Message] = {
    "skip": message("To the picture"),
    "views": message("Views"),
    "patches": message("Patches"),
    "matrix": message("Heatmap"),
    "arcs": message("Arcs"),
    "words": message("Words"),
    "heads": message("All heads"),
    "changes": message("All settings"),
    "layer": message("Layer"),
    "setting": message("Setting"),
    "head": message("Head"),
    "previous_layer": message("Previous layer"),
    "next_layer": message("Next layer"),
    "previous_setting": message("Previous setting"),
    "next_setting": message("Next setting"),
    "previous_head": message("Previous head"),
    "next_head": message("Next head"),
    "least": message("Hide below"),
    "least_none": message("nothing hidden"),
    "find": message("Find a word"),
    "found_none": message("not found"),
    "found": message("{place} of {count}"),
    "next_found": message("Next match"),
    "colours": message("Colours"),
    "colours_all": message("one scale for all"),
    "colours_head": message("each head its own scale"),
    "colours_row": message("each row its own scale"),
    "colours_log": message("by ratio (logarithmic)"),
    "and_less": message("{floor} and less"),
    "several": message("Several heads"),
    "heads_over": message("Heads over each other"),
    "head_number": message("head {head}"),
    "over_full": message("{most} heads are shown; take one away first."),
    "over_title": message("heads: {heads}"),
    "over_title_layer": message("layer {layer}, heads: {heads}"),
    "over_cells": message("In a cell each head has a stripe; where cells are small, the strongest has it all."),
    "over_most": message("“{key}” with {number}"),
    "says_most_over": message("“{query}” looks most at: {heads}"),
    "says_over": message("Select a small map to put its head over the others, or to take it away."),
    "full_all": message("full colour: {number}"),
    "full_head": message("full colour: the head's largest"),
    "full_row": message("full colour: the row's largest"),
    "full_log": message("full colour: {number}, by ratio"),
    "steps": message("Steps"),
    "player": message("Steps, one after the other"),
    "step": message("Step"),
    "step_of": message("step {step} of {count}"),
    "branch": message("Branch"),
    "branch_step_of": message("branch {branch}, step {step} of {count}"),
    "step_first": message("First step"),
    "step_back": message("Previous step"),
    "step_on": message("Next step"),
    "step_last": message("Last step"),
    "play": message("Play"),
    "pause": message("Pause"),
    "speed": message("Speed"),
    "speed_slow": message("slow"),
    "speed_normal": message("normal"),
    "speed_fast": message("fast"),
    "step_candidates": message("What could come next"),
    "step_token": message("Token"),
    "step_probability": message("Probability"),
    "step_attended": message("What “{token}” attended to"),
    "step_share": message("Share"),
    "says_step": message("“{token}” has a probability of {probability}; it attended most to “{word}”: {share}"),
    "says_step_alone": message("“{token}” has a probability of {probability}."),
    "keys_play": message("In the steps: Space plays and pauses, arrow keys go to the step before or after"),
    "terms": message("How “{query}” comes to look at “{key}”"),
    "terms_special": message("As it was computed: with the special tokens, before rows were re-normalized."),
    "special": message("Special tokens"),
    "special_keep": message("shown"),
    "special_hide": message("hidden"),
    "special_renormalize": message("hidden, rows sum to 1"),
    "word_quoted": message("“{word}”"),
    "special_hidden": message("Hidden: {words}. What is left of a row was not re-normalized."),
    "special_renormalized": message("Hidden: {words}. What is left of each row was re-normalized to sum to 1."),
    "special_renormalized_rest": message(
        "Hidden: {words}. What is left of each row was re-normalized to sum to 1; of some nothing is left."
    ),
    "rows_hidden": message("each row is what a word gives to the words that are shown"),
    "rows_whole": message("each row is what a word gives to the words that are shown, re-normalized to sum to 1"),
    "special_pooled": message("Small maps show the special tokens still."),
    "zoom": message("Size"),
    "zoom_in": message("Larger"),
    "zoom_out": message("Smaller"),
    "zoom_fit": message("Fit"),
    "language": message("Language"),
    "dark": message("Dark"),
    "light": message("Light"),
    "save": message("Save this view"),
    "print": message("Print"),
    "text": message("The text"),
    "text_rows": message("Who looks"),
    "text_columns": message("At whom"),
    "looks_at": message("“{word}” looks at"),
    "looked_at_by": message("Who looks at “{word}”"),
    "received": message("How much each word receives"),
    "received_note": message("The mean over all words that look; select a word to see whom it looks at."),
    "words_even": message("words are coloured from the even share on"),
    "word": message("Word"),
    "weight": message("Weight"),
    "mean_weight": message("Mean"),
    "order": message("Order"),
    "order_text": message("as in the text"),
    "order_weight": message("strongest first"),
    "cannot_look": message("cannot look"),
    "says_weight": message("“{query}” looks at “{key}”: {number}"),
    "says_hidden": message("“{query}” looks at “{key}”, which is hidden: {number}"),
    "says_forbidden": message("“{query}” cannot look at “{key}”."),
    "says_most": message("“{query}” looks most at “{key}”: {number}"),
    "says_nothing": message("“{query}” may look at nothing."),
    "says_hint": message("Point at a word, or select one, to see whom it looks at."),
    "says_heads": message("Point at a small map to read its name; select it to enlarge it."),
    "says_received": message("“{key}” receives {number} on average"),
    "picture_matrix": message("Heatmap of {title}: {rows} words that look, {columns} that are looked at."),
    "picture_patches": message("Map of {title} over the picture: {columns} tokens, of which patches are drawn."),
    "patches_received": message(
        "How much each patch receives, the mean over all that look; select one to see its map."
    ),
    "patches_note": message("The colours lie over the picture: the larger a weight, the stronger its colour."),
    "picture_arcs": message("Arcs of {title}: from each of {rows} words to those it looks at."),
    "picture_heads": message("Small maps, one for each head: {layers} rows and {heads} columns."),
    "nameless": message("the attention"),
    "arcs_note": message("An arc is as wide as its weight exceeds the even share."),
    "arcs_word_note": message("What “{word}” gives beyond the even share: the wider, the more."),
    "arcs_changes_note": message("The wider an arc, the larger the weight or the change."),
    "arcs_long_note": message("Select a word to see its arcs: the text is too long to draw those of all words."),
    "arcs_shown": message("{shown} of {count} are drawn."),
    "arcs_direction": message("Above the line words look right or at themselves, below left."),
    "arcs_cross": message("The words above look at the words below."),
    "pooled": message("Each cell of a small map is {rows} x {columns} words: the strongest of them."),
    "exact": message("The numbers are exact."),
    "rounded": message("The numbers are rounded: each is within .002 of the largest in its row."),
    "rounded_hidden": message(
        "The numbers are rounded: before words were hidden, each was within .002 of the largest in its row."
    ),
    "too_old": message("This browser cannot open the weights. Browsers of 2023 and later can."),
    "no_script": message(
        "This page draws with JavaScript, which is turned off here. Nothing is loaded from elsewhere."
    ),
    "damaged": message("The weights of this page are damaged; make the page again."),
    "axes_heads": message("layers ↓   heads →"),
    "axes_settings": message("settings ↓   heads →"),
    "row_largest": message("the row's largest"),
    "map_largest": message("the map's largest"),
    "numbers": message("Numbers"),
    "keys": message("Keys"),
    "keys_move": message("Arrow keys on the picture or the text: from word to word, from map to map"),
    "keys_head": message("Shift and left or right: another head; Shift and up or down: another layer"),
    "keys_zoom": message("+ − 0 on the picture: larger, smaller, fit"),
    "keys_open": message("Enter: open the map or select the word; Escape: undo the selection"),
}


def in_each_language(words: Message) -> dict[str, str]:
    """Return a sentence in every language: language -> text."""
    found = {}
    for each in LANGUAGES:
        with speaking(each):
            found[each] = words.localized()
    return found


def page_sentences() -> dict[str, dict[str, str]]:
    """Return every sentence of the controls: language -> name -> text with its {fields} unfilled."""
    opened = {name: _left_open(words) for name, words in SENTENCES.items()}
    found = {}
    for each in LANGUAGES:
        with speaking(each):
            found[each] = {name: words.localized() for name, words in opened.items()}
    return found


def _left_open(words: Message) -> Message:
    """Fill each field of a sentence with its own placeholder, so that {word} stays {word}."""
    names = _FIELD.findall(words.template)
    return replace(words, fields={name: f"{{{name}}}" for name in names}) if names else words
