/** Of subprotocols whose messages are texts (streaming wsstream.Base64ChannelWebSocketProtocol). */
export const isTextual = (protocol: string): boolean => protocol.includes('base64');

/** One message of a WebSocket with channels: the channel's number, and the content; a digit and base64 where they are texts. */
export function channelMessage(channel: number, content: Uint8Array, isText: boolean): string | Uint8Array {
  return isText
    ? `${channel}${Buffer.from(content).toString('base64')}`
    : Buffer.concat([Uint8Array.of(channel), content]);
}

/** What a message is for, and has; no channel has the number of an empty one that is a text. */
export function readChannelMessage(message: Buffer, isText: boolean): { channel: number; content: Buffer } {
  const [first = 0] = message;
  return isText
    ? { channel: first - 48, content: Buffer.from(message.toString('latin1', 1), 'base64') }
    : { channel: first, content: message.subarray(1) };
}
