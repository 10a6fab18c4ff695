/** The path in `unix:///path` or `unix:/path`. @throws RangeError – anything else. */
export function socketPath(endpoint: string): string {
  const path = /^unix:(?:\/\/)?(\/.*)$/.exec(endpoint)?.[1];
  if (path === undefined) throw new RangeError(`endpoint "${endpoint}" is not unix:///absolute/path`);
  // sockaddr_un holds 108 bytes with the closing NUL.
  if (Buffer.byteLength(path) > 107) throw new RangeError(`the socket path ${path} is longer than 107 bytes`);
  return path;
}
