/** Paths on a 24 by 24 grid, drawn with a round stroke. */
const paths = {
  back: 'M19 12H5m7-7-7 7 7 7',
  close: 'M18 6 6 18M6 6l12 12',
  plus: 'M12 5v14M5 12h14',
  more: 'M12 5h.01M12 12h.01M12 19h.01',
  send: 'M4 12 3 4l18 8-18 8 1-8zm0 0h9',
  mic: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21',
  stop: 'M7 7h10v10H7z',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5m4-5v5',
  reply: 'M10 5 4 11l6 6M4 11h9a7 7 0 0 1 7 7v1',
  down: 'm6 9 6 6 6-6',
  list: 'M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01',
  picture: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01',
  document: 'M7 3h7l5 5v13H7zM14 3v5h5',
  voice: 'M4 10v4m4-7v10m4-13v16m4-12v8m4-5v2',
  pin: 'M12 21s-7-6.2-7-11.5a7 7 0 0 1 14 0C19 14.8 12 21 12 21zm0-9a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z',
  play: 'M8 5v14l11-7z',
  pause: 'M8 5v14m8-14v14',
  clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zm0 4v4l3 2',
  tick: 'm5 13 4.5 4.5L19 8',
  ticks: 'm2 13 4.5 4.5L15 8m-4.5 8.5 1.5 1L21.500 8',
  alert: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 5v5m0 3h.01',
  moon: 'M20 14.500A8.500 8.500 0 1 1 9.500 4a7 7 0 0 0 10.500 10.500z',
  open: 'M14 4h6v6m0-6-9 9M18 14v6H4V6h6',
  dashboard: 'M4 4h7v9H4zM13 4h7v5h-7zM13 11h7v9h-7zM4 15h7v5H4z',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-7.500 8a7.500 7.500 0 0 1 15 0',
  retry: 'M20 11a8 8 0 1 0-2.300 6.500M20 5v6h-6',
} as const;

export type IconName = keyof typeof paths;

const svgNamespace = 'http://www.w3.org/2000/svg';

/**
 * A decorative icon in the colour of the text around it; whatever carries it needs a label of its
 * own.
 */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(svgNamespace, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(svgNamespace, 'path');
  path.setAttribute('d', paths[name]);
  svg.append(path);
  return svg;
}

/** Puts the icon that `data-icon` names into every element of the page's markup that has one. */
export function drawIcons(root: ParentNode): void {
  for (const holder of root.querySelectorAll<HTMLElement>('[data-icon]')) {
    const name = holder.dataset['icon'];
    if (isIconName(name)) holder.prepend(icon(name));
  }
}

function isIconName(name: string | undefined): name is IconName {
  return name !== undefined && name in paths;
}
