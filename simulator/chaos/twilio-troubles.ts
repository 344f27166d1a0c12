import type { FaultName, FaultSetting, Faults } from '../twilio/faults.ts';

/** A product depends on the failure callbacks, so they are never dropped. */
const isNoFailure = (params: Record<string, string>): boolean =>
  params['MessageStatus'] !== 'failed' && params['MessageStatus'] !== 'undelivered';
/** A sentence that reports a failure is never made to fail: nothing could report that failure. */
const isNoSentence = (params: Record<string, string>): boolean =>
  !/could not|I stopped|I cannot/.test(params['Body'] ?? '');

/** Every fault with its probability; the seed is added to each. */
const shares: Partial<Record<FaultName, FaultSetting>> = {
  'create-429': { probability: 0.05 },
  'create-500-before': { probability: 0.03 },
  'create-500-after': { probability: 0.03 },
  'create-hang-before': { probability: 0.01 },
  'create-hang-after': { probability: 0.01 },
  'create-reset-before': { probability: 0.03 },
  'create-reset-after': { probability: 0.03 },
  'create-garbled-after': { probability: 0.03 },
  'webhook-duplicate': { probability: 0.4, copies: 2 },
  'callbacks-shuffled': { probability: 0.2 },
  'callback-before-answer': { probability: 0.1 },
  'callbacks-dropped': { probability: 0.1, when: isNoFailure },
  'typing-fails': { probability: 0.3 },
  'list-fails': { probability: 0.1 },
  'list-lags': { probability: 0.5, ms: 700 },
};

/** The late failures of WhatsApp, in rotation (twilio.com/docs/api/errors). */
const lateCodes = [30_008, 63_019] as const;

/** Turns every fault on, seeded. */
export function makeTrouble(faults: Faults, seed: number): void {
  for (const [index, [name, setting]] of Object.entries(shares).entries())
    faults.set(name as FaultName, { ...setting, seed: seed * 100 + index });
  failLate(faults, seed, 0);
}

/** Makes some replies fail after they were accepted, with the round's code. */
export function failLate(faults: Faults, seed: number, round: number): void {
  faults.set('late-failure', {
    probability: 0.04,
    seed: seed * 100 + 50 + round,
    code: lateCodes[round % 2] ?? 30_008,
    when: isNoSentence,
  });
}

/**
 * Makes the next POST hang after (or before) Twilio took the message. Resolves true as soon as it
 * hangs, false after `ms`; then the probability of the run applies again.
 */
export async function hangNextPost(
  faults: Faults,
  name: 'create-hang-after' | 'create-hang-before',
  seed: number,
  ms: number,
): Promise<boolean> {
  const hung = Promise.withResolvers<boolean>();
  faults.set(name, { times: 1, when: () => (hung.resolve(true), true) });
  const timer = setTimeout(() => hung.resolve(false), ms).unref();
  const result = await hung.promise;
  clearTimeout(timer);
  faults.set(name, { ...shares[name], seed });
  return result;
}
