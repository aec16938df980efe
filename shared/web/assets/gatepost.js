// Comforts, each of which a page does without: times in the reader's time zone, and passwords shown on request.
"use strict";

const language = document.documentElement.lang;

function showLocalTimes() {
  const moments = document.querySelectorAll("time[datetime]");
  const note = document.querySelector("[data-local-times]");
  if (!moments.length || !note) return;
  const locale = navigator.languages.find((each) => each.split("-")[0] === language) || language;
  const format = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  for (const moment of moments) {
    moment.title = `${moment.textContent} UTC`;
    moment.textContent = format.format(new Date(moment.dateTime));
  }
  note.textContent = note.dataset.localTimes;
}

function offerToShow(password) {
  const { show, hide } = password.dataset;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "reveal";
  button.textContent = show;
  button.setAttribute("aria-controls", password.id);
  button.setAttribute("aria-describedby", `${password.id}-label`);
  button.addEventListener("click", () => {
    const isHidden = password.type === "password";
    password.type = isHidden ? "text" : "password";
    button.textContent = isHidden ? hide : show;
  });
  // A browser offers to keep what it knows to be a password, and remembers other texts for its suggestions.
  password.form.addEventListener("submit", () => { password.type = "password"; });
  password.after(button);
}

showLocalTimes();
document.querySelectorAll("input[data-show]").forEach(offerToShow);
