/** What a home may be called: it is part of the names of its keys and queues. */
export const homeNamePattern = /^[a-z0-9-]{1,32}$/;

/** A home's name made from that of a worker or a machine, whose names may have other characters. */
export function homeNameFrom(name: string): string {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-');
  return plain.slice(0, 32) || 'home';
}
