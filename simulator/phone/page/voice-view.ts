import { element } from './element.ts';
import { icon } from './icon.ts';
import { formatLength } from './moment.ts';

/** A player for a voice note. Starting one stops every other. */
export function viewVoice(url: string): HTMLElement {
  const audio = element('audio', { src: url, preload: 'metadata' });
  const button = element(
    'button',
    { class: 'voice-play', type: 'button', 'aria-label': 'Play voice note' },
    icon('play'),
  );
  const place = element('input', {
    type: 'range',
    class: 'voice-place',
    min: '0',
    max: '1000',
    value: '0',
    'aria-label': 'Place in the voice note',
  });
  const length = element('span', { class: 'voice-length' }, '0:00');
  const showPlace = () => {
    place.value = String(
      Number.isFinite(audio.duration) && audio.duration > 0
        ? (audio.currentTime / audio.duration) * 1000
        : 0,
    );
    place.style.setProperty('--played', `${Number(place.value) / 10}%`);
    length.textContent = formatLength(audio.currentTime > 0 ? audio.currentTime : audio.duration);
  };
  const showState = () => {
    button.replaceChildren(icon(audio.paused ? 'play' : 'pause'));
    button.setAttribute('aria-label', audio.paused ? 'Play voice note' : 'Pause voice note');
  };
  button.addEventListener('click', () => void toggle(audio, length));
  place.addEventListener('input', () => {
    if (Number.isFinite(audio.duration))
      audio.currentTime = (Number(place.value) / 1000) * audio.duration;
  });
  for (const name of ['timeupdate', 'loadedmetadata', 'ended'])
    audio.addEventListener(name, showPlace);
  for (const name of ['play', 'pause', 'ended']) audio.addEventListener(name, showState);
  return element('div', { class: 'voice' }, audio, button, place, length);
}

async function toggle(audio: HTMLAudioElement, length: HTMLElement): Promise<void> {
  if (!audio.paused) return audio.pause();
  for (const other of document.querySelectorAll('audio')) other.pause();
  return audio.play().catch(() => {
    length.textContent = 'Cannot be played here';
  });
}
