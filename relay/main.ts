import { existsSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { keepCompiledCode } from '../shared/runtime/compile-cache.ts';
import { withdrawEnvironment } from '../shared/runtime/withdrawn-environment.ts';
import { keepHeapSmall } from './small-heap.ts';

withdrawEnvironment(process.env);
keepCompiledCode();
if (existsSync('.env')) process.loadEnvFile('.env');

// Loaded by now, so that the cache has it.
const { runRelayProcess } = await import('./production.ts');
// Code that is kept belongs to the engine's settings of that moment, so it is kept before they
// change.
flushCompileCache();
keepHeapSmall();
await runRelayProcess(process.env);
