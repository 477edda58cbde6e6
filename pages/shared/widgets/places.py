"""Where a control was in the tree of the page, and what is there now; for the browser's scripts."""

from __future__ import annotations

PLACES = """
// from a control up to the body: element, parent, index in the parent
const pathOf = (control) => {
  const path = [];
  for (let one = control; one.parentElement; one = one.parentElement)
    path.push([one, one.parentElement, [...one.parentElement.children].indexOf(one)]);
  return path;
};
// what is now at the place of a control that is gone, as deep as it is drawn alike
const placeOf = (path) => {
  let level = path.findIndex(([one, parent]) => one.isConnected || parent.isConnected);
  if (path[level][0].isConnected) return path[level][0];
  let place = path[level][1];
  for (; level >= 0 && place.children.length; level--) {
    const [lost, , index] = path[level];
    place = place.children[index] ?? place.lastElementChild;
    if (place.dataset.testid !== lost.dataset.testid) break;
  }
  return place;
};
"""
"""JavaScript: ``pathOf(control)``, and ``placeOf(path)`` once the control is gone."""
