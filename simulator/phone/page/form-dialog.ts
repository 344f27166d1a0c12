import { element } from './element.ts';
import { icon } from './icon.ts';

export type Field = { name: string; label: string; value: string; type: string; hint?: string };

/**
 * Asks for a few values in a sheet. `accept` gets them by name and returns a sentence when
 * something is wrong with them, which keeps the sheet open, or undefined, which closes it.
 */
export function openForm(
  title: string,
  fields: Field[],
  action: string,
  accept: (values: Map<string, string>) => string | undefined,
): void {
  const close = element(
    'button',
    { type: 'button', class: 'icon-button', 'aria-label': 'Close', onclick: () => dialog.close() },
    icon('close'),
  );
  const problem = element('p', { class: 'form-problem', role: 'alert', hidden: true });
  const inputs = fields.map((field) =>
    element('input', {
      name: field.name,
      type: field.type,
      value: field.value,
      autocomplete: 'off',
      id: `form-${field.name}`,
    }),
  );
  const rows = fields.map((field, index) =>
    element(
      'div',
      { class: 'field' },
      element('label', { for: `form-${field.name}` }, field.label),
      inputs[index],
      field.hint ? element('small', {}, field.hint) : undefined,
    ),
  );
  const form = element(
    'form',
    { novalidate: true },
    ...rows,
    problem,
    element('button', { type: 'submit', class: 'primary' }, action),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const sentence = accept(new Map(inputs.map((input) => [input.name, input.value.trim()])));
    problem.hidden = sentence === undefined;
    problem.textContent = sentence ?? '';
    if (sentence === undefined) dialog.close();
  });
  const dialog = element(
    'dialog',
    { class: 'sheet', 'aria-label': title },
    element('header', {}, element('h2', {}, title), close),
    form,
  );
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  inputs[0]?.focus();
}
