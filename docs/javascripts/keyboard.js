// Boxes that scroll sideways can be reached and scrolled from the keyboard.
window.addEventListener("load", () => {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap, pre > code, .highlight-ipynb")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
});
