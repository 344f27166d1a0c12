import { parentPort, workerData } from 'node:worker_threads';
import { writeText } from './written.ts';

// The other side is writing.ts. What throws here ends the thread, and is seen there.
parentPort?.postMessage(writeText(String(workerData)), []);
