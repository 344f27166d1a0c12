/** What WhatsApp plays comes first; a browser that records none of these records in its own way. */
const recordingTypes = ['audio/ogg;codecs=opus', 'audio/mp4', 'audio/webm;codecs=opus'];

export type Recording = {
  /** Ends the recording; undefined when it was thrown away with `cancel`. */
  finished: Promise<File | undefined>;
  finish(): void;
  cancel(): void;
};

export function canRecord(): boolean {
  return typeof MediaRecorder !== 'undefined' && Boolean(navigator.mediaDevices?.getUserMedia);
}

/**
 * Starts recording a voice note. Throws when there is no microphone or the person does not allow
 * it.
 */
export async function recordVoice(): Promise<Recording> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const type = recordingTypes.find((candidate) => MediaRecorder.isTypeSupported(candidate));
  const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
  const parts: Blob[] = [];
  let kept = true;
  recorder.addEventListener('dataavailable', (event) => parts.push(event.data));
  const finished = new Promise<File | undefined>((resolve) => {
    recorder.addEventListener('stop', () => {
      for (const track of stream.getTracks()) track.stop();
      const recorded = recorder.mimeType.split(';')[0] ?? '';
      const ending = recorded.split('/')[1] ?? 'ogg';
      resolve(kept ? new File(parts, `voice-note.${ending}`, { type: recorded }) : undefined);
    });
  });
  recorder.start();
  return {
    finished,
    finish: () => recorder.state !== 'inactive' && recorder.stop(),
    cancel: () => {
      kept = false;
      if (recorder.state !== 'inactive') recorder.stop();
    },
  };
}
