"""Segments: a JSON tree of rules, evaluated as SQL over people in the database or in Python over rows.

    {"op": "AND", "rules": [
        {"op": "EQ", "field": "attribs.city", "value": "London"},
        {"op": "NOT", "rules": [{"op": "IN", "field": "lists", "value": [4, 7]}]}]}

One language, two evaluators (`sql`, `rows`), and a test that holds them to each other. What it means:

- A field has values: none, one, or several when it is an array. A comparison holds when it holds for one
  of them; `NE` is the opposite of `EQ`, so it holds where there is no value at all.
- A text is compared as text, without regard to the case of ASCII letters; other letters as they are.
- A number is compared as a number, also with texts that are plain decimal numbers (`"18"`, `"-1.50"`).
- Text rules see numbers in plain decimal notation without needless zeros, and booleans as true and false.
- Texts are ordered by code point; `created_at` and `updated_at` by time, with ISO 8601 values.
- `EXISTS` holds when there is a value that is not blank; with `"value": false`, when there is none.
"""
