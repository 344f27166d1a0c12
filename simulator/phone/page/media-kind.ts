export type MediaKind = 'picture' | 'voice' | 'video' | 'document';

/** How a chat shows a file of this type. */
export function mediaKind(type: string): MediaKind {
  if (type.startsWith('image/')) return 'picture';
  if (type.startsWith('audio/')) return 'voice';
  return type.startsWith('video/') ? 'video' : 'document';
}

/** A size in bytes as people read it, with decimal units. */
export function formatSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000
    ? `${Math.round(bytes / 1000)} kB`
    : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** The ending of a file's name in capitals, at most four letters, for its icon. */
export function fileEnding(name: string): string {
  return /\.([a-z0-9]{1,4})$/i.exec(name)?.[1]?.toUpperCase() ?? 'FILE';
}
