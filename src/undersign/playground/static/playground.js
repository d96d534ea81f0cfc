// Each form asks its endpoint and shows the answer below itself. Without this script the GET forms still work.

for (const button of document.querySelectorAll(".scripted")) button.classList.remove("scripted");

for (const form of document.querySelectorAll("form.try")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    show(form, ...(await ask(form)));
  });
}

async function ask(form) {
  const { body, jwt } = Object.fromEntries(new FormData(form));
  const url = new URL(form.action);
  if (jwt !== undefined) url.searchParams.set("jwt", jwt.trim());
  const request = { method: form.method.toUpperCase(), headers: { Accept: "application/json" }, cache: "no-store" };
  if (body !== undefined) {
    request.body = body;
    request.headers["Content-Type"] = "application/json";
  }
  try {
    const answer = await fetch(url, request);
    return [`${answer.status} ${answer.statusText}`.trim(), await answer.text(), answer.ok];
  } catch {
    return ["No answer", "The playground does not answer. Is it still running?", false];
  }
}

function show(form, status, text, ok) {
  const output = form.querySelector("output");
  const line = document.createElement("strong");
  const shown = document.createElement("pre");
  let found = {};
  try {
    found = JSON.parse(text);
    text = JSON.stringify(found, null, 4);
  } catch {
    // not JSON: shown as it came
  }
  line.textContent = status;
  line.className = ok ? "good" : "bad";
  shown.textContent = text;
  shown.tabIndex = 0;
  output.replaceChildren(line, shown);
  if (typeof found.jwt === "string") {
    for (const field of document.querySelectorAll("textarea[name=jwt]")) field.value = found.jwt;
  }
}
