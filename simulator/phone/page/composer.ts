import type { ChatMessage, PhoneInput } from '../../chat.ts';
import { readFile, refuseFile } from './draft-file.ts';
import { viewDraftFile, viewDraftQuote } from './draft-view.ts';
import { find } from './element.ts';

/** The unsent draft of a person for one phone. */
type Draft = { text: string; quoted: ChatMessage | undefined; file: File | undefined };

/** The form at the foot of the chat. Every phone keeps a draft of its own. */
export class Composer {
  readonly #form = find('#composer', HTMLFormElement);
  readonly #text = find('#text', HTMLTextAreaElement);
  readonly #quoteBar = find('#composer-quote', HTMLElement);
  readonly #fileBar = find('#composer-file', HTMLElement);
  readonly #problem = find('#problem', HTMLElement);
  readonly #drafts = new Map<string, Draft>();
  readonly #onSend: (input: PhoneInput) => void;
  #draft: Draft = { text: '', quoted: undefined, file: undefined };

  constructor(onSend: (input: PhoneInput) => void) {
    this.#onSend = onSend;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.submit();
    });
    this.#text.addEventListener('input', () => {
      this.#draft.text = this.#text.value;
      this.#fit();
    });
    this.#text.addEventListener('keydown', (event) => this.#onKey(event));
  }

  switchTo(phone: string): void {
    this.#draft = this.#drafts.get(phone) ?? { text: '', quoted: undefined, file: undefined };
    this.#drafts.set(phone, this.#draft);
    this.#text.value = this.#draft.text;
    this.complain(undefined);
    this.#showQuote();
    this.#showFile();
    this.#fit();
  }

  fill(text: string): void {
    this.#text.value = text;
    this.#draft.text = text;
    this.#fit();
    this.#text.focus();
    this.#text.setSelectionRange(text.length, text.length);
  }

  quote(message: ChatMessage | undefined): void {
    this.#draft.quoted = message;
    this.#showQuote();
    this.#text.focus();
  }

  attach(file: File | undefined): void {
    const refusal = file && refuseFile(file);
    this.complain(refusal);
    this.#draft.file = refusal ? undefined : file;
    this.#showFile();
    this.#fit();
    this.#text.focus();
  }

  complain(sentence: string | undefined): void {
    this.#problem.hidden = sentence === undefined;
    this.#problem.textContent = sentence ?? '';
  }

  focus(): void {
    this.#text.focus();
  }

  /** Sends the draft; an empty one stays. A file that cannot be read stays too, with the reason. */
  async submit(): Promise<void> {
    const draft = this.#draft;
    const text = draft.text.trim();
    if (!text && !draft.file) return;
    const sent = { ...draft };
    Object.assign(draft, { text: '', quoted: undefined, file: undefined });
    this.#text.value = '';
    this.complain(undefined);
    this.#showQuote();
    this.#showFile();
    this.#fit();
    try {
      const media = sent.file ? { media: await readFile(sent.file) } : {};
      this.#onSend({
        ...(text ? { text } : {}),
        ...media,
        ...(sent.quoted ? { quoted: sent.quoted.sid } : {}),
      });
    } catch (error) {
      Object.assign(draft, sent);
      this.#text.value = sent.text;
      this.#showFile();
      this.complain(error instanceof Error ? error.message : String(error));
    }
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      void this.submit();
    } else if (event.key === 'Escape' && this.#draft.quoted) {
      this.quote(undefined);
    }
  }

  /** Lets the text area grow with its text, up to the height its style allows. */
  #fit(): void {
    this.#text.style.height = 'auto';
    this.#text.style.height = `${this.#text.scrollHeight}px`;
    this.#form.toggleAttribute(
      'data-ready',
      this.#draft.text.trim() !== '' || this.#draft.file !== undefined,
    );
    this.#text.placeholder = this.#draft.file ? 'Add a caption' : 'Message';
  }

  #showQuote(): void {
    const { quoted } = this.#draft;
    this.#quoteBar.hidden = quoted === undefined;
    this.#quoteBar.replaceChildren(
      ...(quoted ? viewDraftQuote(quoted, () => this.quote(undefined)) : []),
    );
  }

  #showFile(): void {
    const { file } = this.#draft;
    this.#fileBar.hidden = file === undefined;
    this.#fileBar.replaceChildren(
      ...(file ? viewDraftFile(file, () => this.attach(undefined)) : []),
    );
  }
}
