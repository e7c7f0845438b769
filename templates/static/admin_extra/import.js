// Progress of the import that is under way.
"use strict";

const format = new Intl.NumberFormat("en");
const UNDER_WAY = ["importing", "stopping"];

function draw(box, done, total) {
  box.querySelector("[data-bar]").style.width = total ? `${Math.min(100, (100 * done) / total)}%` : "0";
}

async function follow(box) {
  try {
    const answer = await fetch(box.dataset.import);
    if (answer.ok) {
      const { data } = await answer.json();
      if (!UNDER_WAY.includes(data.status)) {
        window.location.reload();
        return;
      }
      draw(box, data.imported + data.rejected, data.total);
      box.querySelector("[data-status]").textContent = data.status;
      box.querySelector("[data-imported]").textContent = format.format(data.imported);
      box.querySelector("[data-rejected]").textContent = format.format(data.rejected);
      box.querySelector("strong[data-total]").textContent = format.format(data.total);
    }
  } catch {
    // Asked again below.
  }
  window.setTimeout(() => follow(box), 1_000);
}

for (const bar of document.querySelectorAll("[data-bar]")) {
  const box = bar.closest("section");
  draw(box, Number(bar.dataset.done), Number(bar.dataset.total));
  if (box.dataset.import) {
    follow(box);
  }
}
