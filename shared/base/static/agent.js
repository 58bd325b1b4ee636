// Finds while typing. Without this the Find button does the same.
const box = document.querySelector("[data-find]"), found = document.getElementById("found");
let waiting, asked = 0;
box.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    const turn = ++asked, url = new URL(box.dataset.find, location);
    url.searchParams.set("q", box.value);
    const marked = document.querySelector("input[name=about]:checked");
    if (marked) url.searchParams.set("about", marked.value);
    const answer = await fetch(url, { credentials: "same-origin" });
    if (answer.ok && turn === asked) found.innerHTML = await answer.text();
  }, 200);
});
