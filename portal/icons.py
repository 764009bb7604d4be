"""The outlines that stand beside words."""

# Outlines of 20 × 20, drawn with the current colour; those with a direction are mirrored in CSS.
ICONS = {
    "home": "M3 9.5 10 3.5l7 6V16.5h-4.5v-4h-5v4H3z",
    "list": "M3 5h3v3H3zM3 12h3v3H3zM9 5.5h8M9 8h5M9 12.5h8M9 15h5",
    "scale": "M10 3v13M6 16.5h8M3 6.5h14M5 6.5l-2.5 5h5zM15 6.5l-2.5 5h5z",
    "terminal": "M6 2.5h8a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1zM8.5 15h3",
    "store": "M3.5 8v8.5h13V8M2.5 7.5 4 3.5h12l1.5 4a2.5 2.5 0 0 1-5 .3 2.5 2.5 0 0 1-5 0 2.5 2.5 0 0 1-5-.3zM8 16.5v-4h4v4",
    "plug": "M7 3v4M13 3v4M5 7h10v2.5a5 5 0 0 1-10 0zM10 14.5V18",
    "search": "M9 3.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM13.2 13.2 17 17",
    "chevron": "M8 5l5 5-5 5",
    "down": "M5 8l5 5 5-5",
    "refresh": "M16 10a6 6 0 1 1-1.8-4.3M16 3v4h-4",
    "tick": "M4.5 10.5 8.5 14.5 16 6.5",
    "cross": "M5.5 5.5l9 9M14.5 5.5l-9 9",
    "undo": "M7.5 5 4 8.5 7.5 12M4 8.5h8a4 4 0 0 1 0 8H9",
    "clock": "M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM10 6v4l2.5 2",
    "question": "M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM8 8a2 2 0 1 1 2.7 1.9c-.5.2-.7.6-.7 1.1v.5M10 14v.2",
    "block": "M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM5.2 5.2l9.6 9.6",
    "warning": "M10 3 18 16.5H2zM10 8v4M10 14.2v.2",
    "person": "M10 3.5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM4 17a6 6 0 0 1 12 0",
    "out": "M12 4H5v12h7M9 10h8M14 7l3 3-3 3",
    "language": "M3 5h8M7 3v2M9.5 5c-.6 3-3 5.4-6 6.5M5 8c1 2 3 3.4 5 4M11 17l3.5-8 3.5 8M12.2 14.5h4.6",
    "plus": "M10 4v12M4 10h12",
    "more": "M4 6h12M4 10h12M4 14h12",
}
