"""The page: one .html file that holds everything it needs and loads nothing from the network.

render.py puts a page together: page.html, page.css, the script (script/*.mjs, bundled by bundle.py) and the document
(attention_document.py and comparison_document.py by document.py, of the types in page_data.py, its numbers encoded by
payload.py, its sentences in sentences.py).

A few functions exist in Python and in JavaScript, because the page formats and colours numbers by itself. tests/views/
test_page.py holds each pair to the same results:

| Python                                              | JavaScript                                  |
|-----------------------------------------------------|---------------------------------------------|
| views/prepared/panels.py `number` (below a million) | script/numbers.mjs `formatNumber`           |
| views/prepared/color_scale.py `Scale.place`         | script/numbers.mjs `placeLinear`, `placeLog` |
| views/prepared/color_scale.py `spread_scale`        | script/numbers.mjs `logFloor`               |
| i18n/decimals.py `pure_decimal`                     | script/numbers.mjs `pureDecimal`            |
| `numpy.rint`, to choose one of 256 colours          | script/numbers.mjs `roundHalfEven`          |
| views/page/payload.py `encode_matrix`, `encode_mask` | script/blocks.mjs `readNumbers`, `readMask` |

Palettes and the ink that is legible on each colour (`ink_on`, by sRGB luminance) are computed in Python alone; a page
holds them as tables.
"""
