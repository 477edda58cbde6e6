"""Keeps a text that is typed into a menu which takes any text, also without Enter."""

from __future__ import annotations

# Such a menu takes a text only when Enter is pressed, or its option is clicked; when the user goes
# on by Tab or by a click elsewhere, it drops the text. So the script chooses the option for it: the
# one that reads so, or the one that adds it, if nothing else in the menu matches. A text that
# searches among several options is dropped, and Escape closes the menu without a choice.
# Enter takes the option that is marked, which may differ from the text in its capital letters: then
# the script adds the text as it was typed.
MENU_TEXT = """
const MENU = "input[role=combobox]", OPTION = "[role=option]", ADD = "Add: ";
const optionsOf = (input) => {
  const menu = document.getElementById(input.getAttribute("aria-controls"));
  return menu ? [...menu.querySelectorAll(OPTION)] : [];
};
const textOf = (option) => option.textContent.trim();
const optionOf = (input) => {
  const options = optionsOf(input), typed = input.value.trim();
  const reads = (text) => options.find((one) => textOf(one) === text);
  return reads(typed) ?? (options.length === 1 ? reads(ADD + typed) : undefined);
};
// the option that adds the text, if another one differs from it only in capital letters
const asTyped = (input) => {
  const options = optionsOf(input), typed = input.value.trim();
  const isAlike = (one) => textOf(one).toLowerCase() === typed.toLowerCase();
  return options.some(isAlike) ? options.find((one) => textOf(one) === ADD + typed) : undefined;
};
let typing;  // the input of the menu with a text that was typed and not chosen
const noteText = ({ target }) => { if (target.matches?.(MENU)) typing = target; };
const take = () => {
  const input = typing;
  typing = undefined;
  if (input?.isConnected && input.value.trim()) optionOf(input)?.click();
};
const press = ({ target }) => { if (typing && !target.closest?.(`${OPTION}, ${MENU}`)) take(); };
const key = (event) => {
  const added = event.key === "Enter" && typing?.isConnected ? asTyped(typing) : undefined;
  if (added) {
    event.preventDefault();
    event.stopImmediatePropagation();
    added.click();
  }
  if (event.key === "Tab") take();
  else if (["Enter", "Escape", "ArrowDown", "ArrowUp"].includes(event.key)) typing = undefined;
};
const listen = () => {
  document.addEventListener("input", noteText, true);
  window.addEventListener("pointerdown", press, true);
  window.addEventListener("keydown", key, true);
};
"""
"""JavaScript: its ``listen`` keeps what was typed into a menu when the user goes on."""
