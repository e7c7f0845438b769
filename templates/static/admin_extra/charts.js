// Line charts of counts over time, from a JSON block that the canvas names.
"use strict";

const COLOURS = ["#2563eb", "#f59e0b"];

for (const canvas of document.querySelectorAll("canvas[data-chart]")) {
  const { labels, series } = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
  const quiet = getComputedStyle(document.documentElement).getPropertyValue("--lm-quiet").trim();
  new Chart(canvas, {
    type: "line",
    data: {
      labels,
      datasets: series.map(({ label, values }, i) => ({
        label,
        data: values,
        borderColor: COLOURS[i],
        backgroundColor: COLOURS[i] + "22",
        fill: true,
        borderWidth: 2,
        tension: 0.25,
        pointRadius: labels.length > 15 ? 0 : 3,
        pointHoverRadius: 5,
      })),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      plugins: { legend: { display: series.length > 1, position: "bottom", labels: { color: quiet } } },
      scales: {
        x: { grid: { display: false }, ticks: { color: quiet, maxTicksLimit: 8, maxRotation: 0 } },
        y: { beginAtZero: true, ticks: { color: quiet, precision: 0, maxTicksLimit: 5 } },
      },
    },
  });
}
