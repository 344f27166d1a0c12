const storageKey = 'phones';

/** The system's phones followed by those a person added in this browser. */
export function knownPhones(system: string[]): string[] {
  return [...new Set([...system, ...added()])];
}

export function addPhone(phone: string): void {
  localStorage.setItem(storageKey, JSON.stringify([...new Set([...added(), phone])]));
}

function added(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(storageKey) ?? '[]');
    return Array.isArray(stored) ? stored.filter((phone) => typeof phone === 'string') : [];
  } catch {
    return [];
  }
}
