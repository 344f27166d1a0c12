import { closeSync, writeFileSync, writeSync } from 'node:fs';
import type { Task } from './answer.ts';
import { decodeFrames, encodeFrame } from './frame.ts';
import { readFile } from './work.ts';

// Reads one file: task and bytes come in on standard input, the results go out on standard output,
// and the process ends. It touches the bytes only after all of this program is loaded; its
// environment is empty.

/** Signals that everything is loaded; the worker can use it but need not wait for it. */
const readyMark = Buffer.from([1]);

// Makes the OOM killer choose this process before the worker. (Linux; elsewhere there is no such
// file.)
try {
  writeFileSync('/proc/self/oom_score_adj', '1000');
} catch {
  // Then it is as likely to be killed as others.
}

function write(buffers: Buffer[]): void {
  for (const buffer of buffers)
    for (let at = 0; at < buffer.byteLength;) at += writeSome(buffer.subarray(at));
}

/** The worker may be slower than this process: retries on a full pipe. */
function writeSome(buffer: Buffer): number {
  try {
    return writeSync(1, buffer);
  } catch (error) {
    // Any error other than EAGAIN means that the worker has gone.
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) process.exit(0);
    Atomics.wait(pause, 0, 0, 1);
    return 0;
  }
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Uses each library once on dummy pixels, so that the file does not wait for their initialisation.
 */
async function warmUp(): Promise<void> {
  const { default: sharp } = await import('sharp');
  sharp.concurrency(1);
  sharp.cache(false);
  const dot = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#336699' } })
    .jpeg()
    .toBuffer();
  await sharp(dot).resize({ width: 32 }).jpeg().toBuffer();
}

// Without sharp everything but pictures can be read.
await warmUp().catch(() => undefined);
write([readyMark]);

const chunks: Buffer[] = [];
for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
const [frame] = decodeFrames(Buffer.concat(chunks));
// Without a frame the worker has ended.
if (frame) {
  await readFile(frame.head as Task, frame.blobs[0] ?? Buffer.alloc(0), (part, blobs) =>
    write(encodeFrame(part, blobs)),
  );
  closeSync(1);
}
process.exit(0);
