/**
 * The script of a page with code: gives each piece a button that copies it. The page works without,
 * and has no buttons then. The policy of the page allows this text alone, by its digest.
 */
export const copyScript = `for (const code of document.querySelectorAll('figure.code')) {
  if (!navigator.clipboard) break;
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  const say = (words) => { button.textContent = words; };
  say('Copy');
  button.setAttribute('aria-live', 'polite');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(code.querySelector('code').textContent);
      say('Copied');
    } catch {
      say('Not copied');
    }
    setTimeout(() => say('Copy'), 2000);
  });
  let caption = code.querySelector('figcaption');
  if (!caption) {
    caption = document.createElement('figcaption');
    code.prepend(caption);
  }
  caption.append(button);
}`;
