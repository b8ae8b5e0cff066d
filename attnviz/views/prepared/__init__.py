"""Prepared forms: everything a view shows, decided before it is drawn, independent of terminal, picture or page.

| form | module | made from | drawn by |
|---|---|---|---|
| Prepared, of Panels | panels | attention, comparisons, the lab | terminal (table, blocks, top), figure, page |
| Prepared, its Panels with words | shaded_text | a Prepared and its text | terminal (text) |
| Charts | charts | costs, ablations, distances | figure (chart), terminal (sparks) |
| Listing | listing | costs, ablations | terminal (listing) |
| Sheet | worksheet | an explanation | terminal (worksheet), handout |
| PageData | views/page/page_data | a Prepared, packed for the browser | page |
"""
