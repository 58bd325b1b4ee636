// The desk works without this file. With it the lists stay fresh, and a key opens what is used most.
(() => {
  const lists = document.querySelector("[data-refresh]");
  if (lists) {
    const busy = () => document.hidden || lists.contains(document.activeElement) && /INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName);
    const refresh = async () => {
      if (busy()) return;
      try {
        const answer = await fetch(lists.dataset.refresh, { credentials: "same-origin" });
        if (answer.status === 401) location.reload();
        if (answer.ok && !busy()) lists.innerHTML = await answer.text();
      } catch { /* the next turn tries again */ }
    };
    setInterval(refresh, 5000);
  }
  document.querySelectorAll("select[data-submit]").forEach((s) => s.addEventListener("change", () => s.form.requestSubmit()));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) return;
    const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!target) return;
    event.preventDefault();
    if (target.tagName === "DETAILS") { target.open = true; target.querySelector("input,select,textarea")?.focus(); }
    else if (target.tagName === "A") target.click();
    else target.focus();
  });
})();
