/** An event of at most so many bytes, without its objects where they are too much; undefined: even so it has more (apiserver plugin/pkg/audit/truncate). */
export function shortened(line: string, mostBytes: number): string | undefined {
  if (Buffer.byteLength(line) <= mostBytes) return line;
  const { requestObject, responseObject, annotations, ...event } = JSON.parse(line) as Record<string, unknown>;
  if (event['level'] !== 'Request' && event['level'] !== 'RequestResponse') return undefined;
  const told = { ...(annotations as object | undefined), 'audit.k8s.io/truncated': 'true' };
  const short = `${JSON.stringify({ ...event, annotations: told })}\n`;
  return Buffer.byteLength(short) <= mostBytes ? short : undefined;
}
