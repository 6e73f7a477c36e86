(() => {
  const events = new EventSource("/events");
  events.addEventListener("changed", async () => {
    const answer = await fetch(location.pathname + "?part=main");
    if (!answer.ok) return;
    const open = [...document.querySelectorAll("details[open]")].map((one) => one.id);
    document.querySelector("main").innerHTML = await answer.text();
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  });
})();
