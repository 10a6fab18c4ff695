/** An address as a number. */
export interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** As Go's netip, without zones and without IPv4 in IPv6; else what is wrong, in Kubernetes' words. */
export function parseAddress(text: string): Address | string {
  const quoted = JSON.stringify(text);
  const go = (problem: string) =>
    `IP Address ${quoted} parse error during conversion from string: ParseAddr(${quoted}): ${problem}`;
  if (!/[.:%]/.test(text)) return go('unable to parse IP');
  if (/^[^:]*[.]/.test(text)) {
    const four = parseFour(text);
    return typeof four === 'string' ? go(four) : { bits: 32, value: four };
  }
  const [head = '', ...zone] = text.split('%');
  if (!head.includes(':')) return go('unable to parse IP');
  const six = parseSix(head);
  if (typeof six === 'string') return go(six);
  if (text.includes('%') && zone.join('%') === '') return go('zone must be a non-empty string');
  if (zone.length > 0) return `IP address ${quoted} with zone value is not allowed`;
  if (six >> 32n === 0xffffn) return `IPv4-mapped IPv6 address ${quoted} is not allowed`;
  return { bits: 128, value: six };
}

function parseFour(text: string): bigint | string {
  const parts = text.split('.');
  for (const part of parts) {
    if (part === '') return parts.length > 4 ? 'IPv4 address too long' : 'IPv4 field must have at least one digit';
    if (!/^\d+$/.test(part)) return 'unexpected character';
    if (part.length > 1 && part.startsWith('0')) return 'IPv4 field has octet with leading zero';
    if (part.length > 3 || Number(part) > 255) return 'IPv4 field has value >255';
  }
  if (parts.length !== 4) return parts.length > 4 ? 'IPv4 address too long' : 'IPv4 address too short';
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

/** An IPv6 address, IPv4 in IPv6 too; else what is wrong with it. */
export function parseSix(text: string): bigint | string {
  const halves = text.split('::');
  if (halves.length > 2) return 'multiple :: in address';
  const fields: bigint[][] = [];
  for (const half of halves) {
    const parsed = parseFields(half);
    if (typeof parsed === 'string') return parsed;
    fields.push(parsed);
  }
  const [left = [], right] = fields;
  const count = left.length + (right?.length ?? 0);
  if (right === undefined && count !== 8)
    return count > 8 ? 'trailing garbage after address' : 'address string too short';
  if (right !== undefined && count > 7) return 'the :: must expand to at least one field of zeros';
  const gap = Array.from({ length: 8 - count }, () => 0n);
  return [...left, ...gap, ...(right ?? [])].reduce((value, field) => (value << 16n) | field, 0n);
}

function parseFields(text: string): bigint[] | string {
  if (text === '') return [];
  const fields: bigint[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (part.includes('.') && i === parts.length - 1) {
      const four = parseFour(part);
      if (typeof four === 'string') return four;
      fields.push(four >> 16n, four & 0xffffn);
      continue;
    }
    if (part === '')
      return i === 0
        ? 'each colon-separated field must have at least one digit'
        : 'colon must be followed by more characters';
    if (!/^[0-9a-fA-F]+$/.test(part)) return 'each colon-separated field must have at least one digit';
    if (part.length > 4) return 'each group must have 4 or less digits';
    fields.push(BigInt(`0x${part}`));
  }
  return fields;
}

/** The canonical text: RFC 5952. */
export function formatAddress({ bits, value }: Address): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const fields = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  let best = { start: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && fields[end] === '0') end++;
    if (end - i > best.length) best = { start: i, length: end - i };
    i = Math.max(i, end - 1);
  }
  if (best.start < 0) return fields.join(':');
  return `${fields.slice(0, best.start).join(':')}::${fields.slice(best.start + best.length).join(':')}`;
}

/** Whether both begin with the same bits. */
export function sharesPrefix(a: Address, b: Address, length: number): boolean {
  const shift = BigInt(a.bits - length);
  return a.bits === b.bits && a.value >> shift === b.value >> shift;
}

export function maskedAddress({ bits, value }: Address, length: number): Address {
  const shift = BigInt(bits - length);
  return { bits, value: (value >> shift) << shift };
}
