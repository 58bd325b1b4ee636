// The link to the reply library works without this file. With it a list takes its place, and puts a reply into the form.
document.querySelectorAll("a[data-replies]").forEach(async (link) => {
  const field = link.closest("form")?.querySelector("textarea");
  if (!field) return;
  const answer = await fetch(link.dataset.replies, { credentials: "same-origin" });
  const replies = answer.ok ? await answer.json() : [];
  if (!replies.length) return;
  const list = document.createElement("select");
  list.setAttribute("aria-label", link.textContent);
  list.add(new Option(link.textContent, ""));
  replies.forEach((reply, n) => list.add(new Option(reply.title, n)));
  list.addEventListener("change", () => {
    const reply = replies[list.value];
    if (!reply) return;
    field.setRangeText(reply.text, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    list.value = "";
    field.focus();
  });
  link.replaceWith(list);
});
