// Parts of a page that are fetched anew: an element with an id and `data-live`, the milliseconds between two looks.
// It stops when the server no longer sends the attribute, and waits while the page is hidden.

import { addLocalTimes } from "./times.js";
import { makeBrush } from "./brush.js";

for (const part of document.querySelectorAll("[data-live][id]")) follow(part);

function follow(part) {
  setTimeout(async () => {
    if (!document.hidden && !part.contains(document.activeElement)) {
      const fresh = await fetched(part.id);
      if (fresh) {
        keepFolds(part, fresh);
        part.replaceWith(fresh);
        addLocalTimes(fresh);
        makeBrush(fresh);
        part = fresh;
      }
    }
    if (part.dataset.live) follow(part);
  }, Number(part.dataset.live));
}

async function fetched(id) {
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!response.ok || response.redirected) return null;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return document.adoptNode(page.getElementById(id));
  } catch {
    return null;
  }
}

function keepFolds(before, after) {
  const folds = before.querySelectorAll("details");
  after.querySelectorAll("details").forEach((fold, number) => { fold.open = folds[number]?.open ?? fold.open; });
}
