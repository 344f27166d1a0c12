/**
 * Runs in the page of a secret, after the library: encrypts what was entered to the public key of
 * the person's computer, as `worker/secrets/sealed-box.ts` opens it, and posts only that.
 */
(() => {
  const form = document.querySelector('form');
  const field = form.querySelector('textarea');
  const button = form.querySelector('button');
  const problem = form.querySelector('[role=alert]');
  const [least, most] = [Number(form.dataset.least), Number(form.dataset.most)];

  const fromBase64 = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (sign) => sign.charCodeAt(0));
  const toBase64 = (bytes) =>
    btoa(String.fromCharCode(...bytes))
      .replace(/\+/g, '-')
      .replace(/\//g, '_')
      .replace(/=/g, '');
  const join = (one, other) => {
    const both = new Uint8Array(one.length + other.length);
    both.set(one);
    both.set(other, one.length);
    return both;
  };
  const seal = (bytes, home) => {
    const own = nacl.box.keyPair();
    const nonce = nacl.hash(join(own.publicKey, home)).subarray(0, nacl.box.nonceLength);
    return join(own.publicKey, nacl.box(bytes, nonce, home, own.secretKey));
  };
  const fault = (value, bytes) => {
    if (value === '') return 'Nothing is entered yet.';
    if (value.length < least)
      return `That is too short: at least ${least} characters, so that I can hide it where it is printed.`;
    return bytes.length > most ? `That is too long: at most ${most / 1024} kB.` : '';
  };

  // A page that comes back from the browser's memory begins anew.
  const ready = () => {
    button.disabled = false;
  };
  window.addEventListener('pageshow', ready);
  ready();
  form.querySelector('[data-without-script]').remove();
  const until = document.querySelector('time');
  until.textContent = new Date(until.dateTime).toLocaleTimeString([], {
    hour: '2-digit',
    minute: '2-digit',
  });
  field.addEventListener('input', () => {
    problem.textContent = '';
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const value = field.value.trim();
    const bytes = new TextEncoder().encode(value);
    problem.textContent = fault(value, bytes);
    if (problem.textContent !== '') return field.focus();
    form.elements.sealed.value = toBase64(seal(bytes, fromBase64(form.dataset.key)));
    field.value = '';
    button.disabled = true;
    form.submit();
  });
})();
