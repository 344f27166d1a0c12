import { find } from './element.ts';
import { formatLength } from './moment.ts';
import { canRecord, recordVoice } from './voice-recorder.ts';
import type { Recording } from './voice-recorder.ts';

/**
 * The microphone: records a voice note and hands it to `send` when the person presses send. If
 * recording is impossible it asks for an audio file instead.
 */
export function enableVoice(send: (file: File) => void): void {
  const composer = find('#composer', HTMLFormElement);
  const bar = find('#recording', HTMLElement);
  const time = find('#recording-time', HTMLElement);
  const button = find('#voice', HTMLButtonElement);
  let recording: Recording | undefined;
  const record = async () => {
    const started = await recordVoice();
    const since = performance.now();
    const clock = setInterval(
      () => (time.textContent = formatLength((performance.now() - since) / 1000)),
      250,
    );
    recording = started;
    time.textContent = '0:00';
    show(true);
    const file = await started.finished;
    clearInterval(clock);
    recording = undefined;
    show(false);
    if (file) send(file);
  };
  const show = (on: boolean) => {
    bar.hidden = !on;
    composer.toggleAttribute('data-recording', on);
    (on ? find('#send', HTMLButtonElement) : find('#text', HTMLTextAreaElement)).focus();
  };
  const pickFile = () => find('#pick-voice', HTMLInputElement).click();
  button.addEventListener('click', () => (canRecord() ? record().catch(pickFile) : pickFile()));
  find('#recording-cancel', HTMLButtonElement).addEventListener('click', () => recording?.cancel());
  composer.addEventListener('submit', () => recording?.finish());
}
