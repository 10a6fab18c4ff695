const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const host = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?';
const pattern = new RegExp(
  `^((?:(?:${host}|\\[[a-fA-F0-9:]+\\](?::[0-9]+)?)/)?${component}(?:/${component})*)` +
    '(?::([\\w][\\w.-]{0,127}))?(?:@([a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}))?$',
);

/** The image name with `:latest` where it has neither tag nor digest; undefined where it is no reference (distribution/reference). */
export function imageReference(image: string): string | undefined {
  const match = pattern.exec(image);
  if (!match || (match[1] as string).length > 255) return undefined;
  return match[2] === undefined && match[3] === undefined ? `${image}:latest` : image;
}

/** The full name a runtime reports an image by: `docker.io/library/busybox:latest` for `busybox` (distribution/reference). */
export function canonicalReference(image: string): string {
  const tagged = imageReference(image);
  if (tagged === undefined) return image;
  const [first = ''] = tagged.split('/');
  if (tagged.includes('/') && (/[.:]/.test(first) || first === 'localhost')) return tagged;
  return `docker.io/${tagged.includes('/') ? '' : 'library/'}${tagged}`;
}
