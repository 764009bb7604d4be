// Draws each canvas[data-chart] from the JSON beside it, in the colours of the style sheet.
(function () {
  "use strict";
  var drawn = [];

  // A token holds both themes' colours; an element that wears it knows which one holds now.
  function colour(name) {
    var probe = document.createElement("i");
    probe.style.color = "var(--" + name + ")";
    document.body.appendChild(probe);
    var found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  // A hatch says that a figure is still open, here as in the rest of the portal.
  function hatch(ink) {
    var tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    var pen = tile.getContext("2d");
    pen.strokeStyle = ink;
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(-1, 7);
    pen.lineTo(7, -1);
    pen.stroke();
    return pen.createPattern(tile, "repeat");
  }

  function configured(data) {
    var rtl = document.documentElement.dir === "rtl";
    var bar = colour("bar");
    var open = hatch(bar);
    var fills = data.labels.map(function (_, at) { return at === data.open ? open : bar; });
    var edges = data.labels.map(function (_, at) { return at === data.open ? bar : "transparent"; });
    var sets = [{ label: data.names[0], data: data.now, backgroundColor: fills, borderColor: edges,
      borderWidth: 1, grouped: false, barPercentage: data.before ? 0.55 : 0.8, categoryPercentage: 0.9, order: 3 }];
    if (data.before) {
      sets.push({ label: data.names[1], data: data.before, backgroundColor: "transparent",
        borderColor: colour("edge"), borderWidth: 1, grouped: false, barPercentage: 0.85,
        categoryPercentage: 0.9, order: 4 });
    }
    if (data.median) {
      // A halo keeps the line apart from the bars beneath it.
      [["ink", 1.5, 0], ["surface", 4.5, 1]].forEach(function (stroke) {
        sets.push({ type: "line", label: stroke[2] ? "" : data.names[1], data: data.median,
          borderColor: colour(stroke[0]), borderWidth: stroke[1], pointRadius: 0, order: stroke[2] });
      });
    }
    var font = { family: getComputedStyle(document.body).fontFamily, size: 12 };
    return {
      type: "bar",
      data: { labels: data.labels, datasets: sets },
      options: {
        animation: false, responsive: true, maintainAspectRatio: false,
        // Western digits in every language, with its own marks between them.
        locale: document.documentElement.lang + "-u-nu-latn",
        interaction: { mode: "index", intersect: false },
        plugins: { legend: { display: false }, tooltip: { rtl: rtl, bodyFont: font,
          titleFont: font, filter: function (item) { return item.dataset.label; } } },
        scales: {
          x: { reverse: rtl, grid: { display: false }, border: { color: colour("rule") },
            ticks: { color: colour("ink-2"), font: font, maxRotation: 0,
              autoSkip: data.kind !== "months", autoSkipPadding: 16 } },
          y: { position: rtl ? "right" : "left", beginAtZero: true, border: { display: false },
            grid: { color: colour("rule") }, ticks: { color: colour("ink-2"), font: font, maxTicksLimit: 6 } }
        }
      }
    };
  }

  function draw() {
    drawn.forEach(function (chart) { chart.destroy(); });
    drawn = [];
    document.querySelectorAll("canvas[data-chart]").forEach(function (canvas) {
      var source = document.getElementById(canvas.dataset.chart);
      if (source) {
        drawn.push(new window.Chart(canvas, configured(JSON.parse(source.textContent))));
      }
    });
  }

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("htmx:afterSwap", draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
