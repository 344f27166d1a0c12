import { parentPort, workerData } from 'node:worker_threads';
import { writeText } from './written.ts';

// Counterpart of writing.ts, which handles errors thrown here: they end the thread.
parentPort?.postMessage(writeText(String(workerData)), []);
