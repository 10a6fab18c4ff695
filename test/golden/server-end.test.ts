import { once } from 'node:events';
import { connect } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const body = (name: string) => JSON.stringify({ metadata: { name } });

async function aClient({ authority, port }: Awaited<ReturnType<typeof anApiServer>>) {
  const pair = await authority.issue('CN=admin, O=system:masters', 'client');
  return { host: '127.0.0.1', port, ca: authority.cert, ...pair };
}

function post(bytes: string, more = ''): string {
  return `POST ${configMaps} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${bytes.length}\r\n${more}\r\n`;
}

/** Nobody listens there any more. */
function isClosed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1').on('error', () => resolve(true));
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
  });
}

test('a server that ends answers what it let in and the next request of a connection, and says that it was the last', async () => {
  await using server = await anApiServer();
  const client = await aClient(server);
  const open = async (first: string) => {
    const socket = connectTls(client);
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    await once(socket, 'secureConnect');
    socket.write(first);
    return { socket, text: () => text, closed: once(socket, 'close') };
  };
  const letIn = await open(post(body('begun'), 'Expect: 100-continue\r\n'));
  await expect.poll(letIn.text).toContain('100 Continue');
  const quiet = await open('GET /version HTTP/1.1\r\nHost: x\r\n\r\n');
  await expect.poll(quiet.text).toContain('gitVersion');
  const ended = server.server[Symbol.asyncDispose]();
  // While it takes itself off the list of servers it answers as ever.
  await expect.poll(() => isClosed(server.port), { interval: 5 }).toBe(true);
  letIn.socket.write(body('begun'));
  quiet.socket.write(`${post(body('last'))}${body('last')}`);
  await Promise.all([letIn.closed, quiet.closed, ended]);
  for (const { text } of [letIn, quiet]) {
    const answer = text().slice(text().lastIndexOf('HTTP/1.1'));
    expect(answer).toMatch(/^HTTP\/1\.1 201 /);
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  }
  const { items } = await server.store.range({ prefix: '/registry/configmaps/default/' });
  expect(items.map(({ key }) => key.split('/').at(-1))).toEqual(['begun', 'last']);
});

test('over HTTP/2 a server that ends answers what it let in, ends watches behind what they were told, and sends clients elsewhere', async () => {
  await using server = await anApiServer();
  const { host, port, ...tls } = await aClient(server);
  const session = connect(`https://${host}:${port}`, tls);
  const [elsewhere, closed] = [once(session, 'goaway'), once(session, 'close')];
  const ask = (headers: Record<string, string>) => {
    const stream = session.request(headers, { endStream: headers[':method'] === 'GET' });
    let text = '';
    stream.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    return { stream, text: () => text, status: once(stream, 'response').then(([head]) => head[':status']) };
  };
  const watch = ask({ ':method': 'GET', ':path': `${configMaps}?watch=true` });
  expect(await watch.status).toBe(200);
  const write = ask({ ':method': 'POST', ':path': configMaps, 'content-type': 'application/json' });
  write.stream.write(' ');
  // Answered behind the write's beginning, which the server has by then.
  expect(await ask({ ':method': 'GET', ':path': '/version' }).status).toBe(200);
  const ended = server.server[Symbol.asyncDispose]();
  await elsewhere;
  const watched = once(watch.stream, 'end');
  write.stream.end(body('begun'));
  expect(await write.status).toBe(201);
  await Promise.all([watched, closed, ended]);
  expect(watch.stream.rstCode).toBe(0);
  expect(JSON.parse(watch.text())).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'begun' } } });
});

test('--goaway-chance sends clients of HTTP/2 elsewhere, behind the answers that are under way', async () => {
  await using server = await anApiServer({ limits: { goawayChance: 1 } });
  const { host, port, ...tls } = await aClient(server);
  const session = connect(`https://${host}:${port}`, tls);
  const told = [once(session, 'goaway'), once(session, 'close')];
  const answered = ['/version', '/api'].map(async (path) => {
    const stream = session.request({ ':method': 'GET', ':path': path });
    const [head] = await once(stream.resume(), 'response');
    await once(stream, 'end');
    return head[':status'];
  });
  expect(await Promise.all(answered)).toEqual([200, 200]);
  expect((await Promise.all(told))[0]?.[0]).toBe(0);
});
