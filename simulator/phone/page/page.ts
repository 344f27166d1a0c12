import { enableAttaching } from './attaching.ts';
import { showHeader } from './chat-header.ts';
import { Composer } from './composer.ts';
import { connect } from './connection.ts';
import { readFile } from './draft-file.ts';
import { find } from './element.ts';
import { openForm } from './form-dialog.ts';
import { drawIcons } from './icon.ts';
import { addPhone } from './known-phones.ts';
import { openList } from './list-dialog.ts';
import { openLocationForm } from './location-form.ts';
import { MessageLog } from './message-log.ts';
import { createPhoneApi } from './phone-api.ts';
import { countWords, showPhoneList } from './phone-list.ts';
import { formatNumber, parseNumber } from './phone-number.ts';
import { enableScriptedStrip, showScriptedStrip } from './scripted-strip.ts';
import { Scroller } from './scroller.ts';
import { Session } from './session.ts';
import { screenshotRequest, showSuggestions } from './suggestions.ts';
import { enableVoice } from './voice-button.ts';

const api = createPhoneApi();
const app = find('.app', HTMLElement);
const session = new Session(api, () => show());
const composer = new Composer((input) => session.send(input));
const scroller = new Scroller(
  find('#scroller', HTMLElement),
  find('#content', HTMLElement),
  find('#to-bottom', HTMLButtonElement),
  find('#to-bottom-label', HTMLElement),
);
const log = new MessageLog(find('#rows', HTMLElement), scroller, {
  reply: (message) => composer.quote(message),
  jump: (sid) => log.jump(sid),
  retry: (id) => session.retry(id),
  choose: (message, { id, title }, kind) =>
    session.send({ quoted: message.sid, choice: { id, title, kind } }),
  openList: (message) => {
    if (!message.list) return;
    openList(message.list.button, message.list.items, ({ id, title }) =>
      session.send({ quoted: message.sid, choice: { id, title, kind: 'list' } }),
    );
  },
});

/** Brings everything on the page in line with the session. */
function show(): void {
  const { phone, system } = session;
  const messages = session.messages(phone);
  const typing = session.isTyping(phone);
  showHeader({ system, phone, typing, connected: session.connected });
  showScriptedStrip(system);
  showStranger(phone);
  find('#window-closed', HTMLElement).hidden = closedAfter.get(phone) !== lastWritten(phone);
  find('#lost', HTMLElement).hidden = session.connected;
  find('#about', HTMLElement).textContent = phone
    ? `This is the simulated phone ${formatNumber(phone).replaceAll(' ', '\u00a0')}. No Twilio account is involved.`
    : '';
  find('#empty', HTMLElement).hidden = !session.isLoaded(phone) || messages.length > 0;
  log.show({ phone, messages, typing, failures: session.failures });
  showPhones(phone);
}

/** The last message of each phone whose window was closed here; it opens with the next one. */
const closedAfter = new Map<string, string>();

function lastWritten(phone: string): string {
  return session.messages(phone).findLast(({ direction }) => direction === 'inbound')?.sid ?? '';
}

/** Acts as if the shown phone had last written more than 24 hours ago, and says so. */
async function letDayPass(): Promise<void> {
  const { phone } = session;
  try {
    await api.closeWindow(phone);
    closedAfter.set(phone, lastWritten(phone));
    show();
  } catch (error) {
    composer.complain(error instanceof Error ? error.message : String(error));
  }
}

/** Says that a phone may not write, which its chat shows only by silence. */
function showStranger(phone: string): void {
  const allowed = session.system?.allowed;
  find('#stranger', HTMLElement).hidden = phone === '' || (allowed?.includes(phone) ?? true);
  find('#stranger-number', HTMLElement).textContent = formatNumber(phone).replaceAll(' ', '\u00a0');
}

/** Puts the shown phone on the list of those who may write, which restarts the relay. */
async function allow(): Promise<void> {
  const button = find('#allow', HTMLButtonElement);
  button.disabled = true;
  button.textContent = 'Allowing …';
  try {
    await api.allow(session.phone);
  } catch (error) {
    composer.complain(error instanceof Error ? error.message : String(error));
  }
  button.disabled = false;
  button.textContent = 'Allow this number';
}

function showPhones(selected: string): void {
  const rows = session.phones().map((phone) => ({
    phone,
    last: session.messages(phone).at(-1),
    unread: session.unread(phone),
    typing: session.isTyping(phone),
    selected: phone === selected,
  }));
  showPhoneList(find('#phone-list', HTMLElement), rows, pick);
  const unread = rows.reduce((sum, row) => sum + row.unread, 0);
  const badge = find('#other-unread', HTMLElement);
  badge.hidden = unread === 0;
  badge.textContent = countWords(unread);
  find('#show-phones', HTMLElement).setAttribute(
    'aria-label',
    unread === 0 ? 'All phones' : `All phones, ${unread} unread`,
  );
  document.title = unread === 0 ? 'Sidepocket' : `(${unread}) Sidepocket`;
}

function pick(phone: string): void {
  app.dataset['view'] = 'chat';
  history.replaceState(null, '', `#${phone}`);
  composer.switchTo(phone);
  session.select(phone);
  if (!focusComposer()) find('#scroller', HTMLElement).focus({ preventScroll: true });
}

/**
 * Puts the focus in the text, except where touch is the pointer: there a keyboard would cover half
 * the chat.
 */
function focusComposer(): boolean {
  const fine = matchMedia('(pointer: fine)').matches;
  if (fine) composer.focus();
  return fine;
}

function askForPhone(): void {
  const hint = 'In international form. The number need not exist.';
  openForm(
    'Add a phone',
    [{ name: 'number', label: 'Number', value: '', type: 'tel', hint }],
    'Add',
    (values) => {
      const phone = parseNumber(values.get('number') ?? '');
      if (!phone) return 'That is not a number in international form, such as +1 555 555 0103.';
      addPhone(phone);
      pick(phone);
      return undefined;
    },
  );
}

function enableButtons(): void {
  const menu = find('#menu', HTMLElement);
  menu.addEventListener('click', () => menu.hidePopover());
  find('#add-phone', HTMLElement).addEventListener('click', askForPhone);
  find('#menu-add', HTMLElement).addEventListener('click', askForPhone);
  find('#menu-window', HTMLElement).addEventListener('click', () => void letDayPass());
  find('#show-phones', HTMLElement).addEventListener('click', () => {
    app.dataset['view'] = 'phones';
    find('#phone-list [aria-current="true"]', HTMLButtonElement).focus();
  });
  enableScriptedStrip(screenshotRequest, (text) => composer.fill(text));
  find('#allow', HTMLButtonElement).addEventListener('click', () => void allow());
  find('#attach-location', HTMLElement).addEventListener('click', () => {
    find('#attach-menu', HTMLElement).hidePopover();
    openLocationForm((location) => session.send({ location }));
  });
}

async function start(): Promise<void> {
  drawIcons(document);
  enableButtons();
  enableAttaching((file) => composer.attach(file));
  enableVoice((file) => {
    readFile(file).then(
      (media) => session.send({ media }),
      (error: Error) => composer.complain(error.message),
    );
  });
  showSuggestions(find('#chips', HTMLElement), (text) => composer.fill(text));
  document.addEventListener('visibilitychange', () => session.readSoon());
  session.phone = parseNumber(decodeURIComponent(location.hash.slice(1))) ?? '';
  connect({
    onUp: () => void reload(),
    onDown: () => setConnected(false),
    onEvent: (event) => session.apply(event),
  });
}

async function reload(): Promise<void> {
  const before = session.phone;
  const reached = await session.reload().then(
    () => true,
    () => false,
  );
  setConnected(reached);
  if (before !== session.phone || !reloaded) composer.switchTo(session.phone);
  if (!reloaded) focusComposer();
  reloaded = true;
}

let reloaded = false;

function setConnected(connected: boolean): void {
  session.connected = connected;
  show();
}

await start();
