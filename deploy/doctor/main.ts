import { existsSync } from 'node:fs';
import path from 'node:path';
import { createLog } from '../../shared/runtime/log.ts';
import { runCommand } from '../command.ts';
import { createFly } from '../fly.ts';
import { labelSources } from '../source-label.ts';
import { examine } from './doctor.ts';
import { formatFindings, summarize } from './finding.ts';
import { doctorHelp, parseDoctorOptions } from './options.ts';

const root = path.join(import.meta.dirname, '..', '..');
if (existsSync('.env')) process.loadEnvFile('.env');

let isIll = false;
const code = await runCommand(
  'doctor',
  (line) => console.error(line),
  async () => {
    const options = parseDoctorOptions(process.argv.slice(2));
    if (options === 'help') return console.log(doctorHelp);
    const findings = await examine(options, {
      environment: process.env,
      fly: createFly(process.env, root, () => undefined),
      labels: async () => ({
        redis: await labelSources(root, 'redis'),
        relay: await labelSources(root, 'relay'),
        vm: await labelSources(root, 'vm'),
      }),
      log: createLog('doctor', 'silent'),
    });
    isIll = findings.some(({ status }) => status === 'problem');
    console.log(
      options.json
        ? JSON.stringify(findings, null, 2)
        : `${formatFindings(findings)}\n\n${summarize(findings)}`,
    );
  },
);
process.exitCode = code || (isIll ? 1 : 0);
