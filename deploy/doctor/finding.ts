/**
 * The result of one check. `problem` says what to do; `unchecked` says why the check was
 * impossible.
 */
export type Finding =
  | { about: string; status: 'ok'; detail: string }
  | { about: string; status: 'problem'; detail: string; advice: string }
  | { about: string; status: 'unchecked'; detail: string };

export const ok = (about: string, detail: string): Finding => ({ about, status: 'ok', detail });
export const problem = (about: string, detail: string, advice: string): Finding => ({
  about,
  status: 'problem',
  detail,
  advice,
});
export const unchecked = (about: string, detail: string): Finding => ({
  about,
  status: 'unchecked',
  detail,
});

const signs = { ok: '✓', problem: '✗', unchecked: '–' } as const;

/** One line for each finding, followed by the advice for a problem. */
export function formatFindings(findings: readonly Finding[]): string {
  return findings
    .flatMap((finding) => [
      `${signs[finding.status]} ${finding.about}: ${finding.detail}`,
      ...(finding.status === 'problem' ? [`    → ${finding.advice}`] : []),
    ])
    .join('\n');
}

/** Sums up the findings in a sentence. */
export function summarize(findings: readonly Finding[]): string {
  const problems = findings.filter(({ status }) => status === 'problem').length;
  if (problems === 0) return 'Nothing is wrong.';
  return problems === 1 ? 'One thing is wrong.' : `${problems} things are wrong.`;
}
