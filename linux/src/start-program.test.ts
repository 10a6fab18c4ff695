import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { children } from './children.ts';
import { type ProgramOptions, startProgram } from './start-program.ts';

const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

/** Runs a shell script to its end. */
async function run(script: string, options: Partial<ProgramOptions> = {}) {
  const program = await startProgram('sh', ['-c', script], {
    fds: ['null', 'it-writes', 'it-writes'],
    env,
    ...options,
  });
  const [said, complained, end] = await Promise.all([
    program.pipes[1] ? text(program.pipes[1]) : '',
    program.pipes[2] ? text(program.pipes[2]) : '',
    program.closed,
  ]);
  return { said, complained, ...end };
}

test('a program has its arguments, environment and directory, and its exit code is told', async () => {
  const script = 'echo "$0 $1|$WORD|$(pwd)|$#"; echo oh >&2; exit 7';
  const program = await startProgram('sh', ['-c', script, 'zero', 'é "x" $y', ''], {
    fds: ['null', 'it-writes', 'it-writes'],
    env: { ...env, WORD: 'ö', NONE: undefined },
    cwd: '/usr',
  });
  const said = Promise.all(program.pipes.map((pipe) => (pipe ? text(pipe) : '')));
  expect(await program.closed).toEqual({ code: 7 });
  expect(await said).toEqual(['', 'zero é "x" $y|ö|/usr|2\n', 'oh\n']);
});

test('what it reads comes through a pipe to its end', async () => {
  const program = await startProgram('sh', ['-c', 'cat | wc -c'], { fds: ['it-reads', 'it-writes'], env });
  program.pipes[0]?.end(Buffer.alloc(3_000_000, 'x'));
  expect(await text(program.pipes[1]!)).toBe('3000000\n');
  expect(await program.ended).toEqual({ code: 0 });
});

test('a program that ends without reading its input is told by its code, and the writer by EPIPE', async () => {
  const program = await startProgram('sh', ['-c', 'exit 4'], { fds: ['it-reads', 'null', 'null'], env });
  expect(await program.ended).toEqual({ code: 4 });
  const failed = once(program.pipes[0]!, 'error');
  program.pipes[0]?.write('x');
  expect(await failed).toMatchObject([{ code: 'EPIPE' }]);
});

test('it has the descriptors it was given and no others', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-program-'));
  const fd = openSync(join(directory, 'file'), 'w+');
  try {
    const script = 'for fd in 0 1 2 3 4 5 6 7 8 9; do readlink /proc/$$/fd/$fd || echo none; done; echo in >&3';
    const { said } = await run(script, { fds: ['null', 'it-writes', 'null', fd, 'it-reads'] });
    const pipe = expect.stringMatching(/^pipe:/);
    const none = Array(5).fill('none');
    expect(said.trim().split('\n')).toEqual(['/dev/null', pipe, '/dev/null', join(directory, 'file'), pipe, ...none]);
    expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('in\n');
    // By default none of ours, either.
    const link = await run('readlink /proc/$$/fd/0 /proc/$$/fd/2', { fds: ['null', 'it-writes'] });
    expect(link.said).toBe('/dev/null\n/dev/null\n');
  } finally {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  }
});

test('an fd that would be overwritten by another is refused', async () => {
  await expect(startProgram('true', [], { fds: [2], env })).rejects.toMatchObject({ code: 'EINVAL' });
});

test('signals end it and do what they do by default', async () => {
  const program = await startProgram('sleep', ['1000'], { fds: [], env });
  program.kill('SIGTERM');
  expect(await program.ended).toEqual({ signal: 'SIGTERM' });
  program.kill('SIGKILL');
  // This process ignores SIGPIPE; who inherited that would be told EPIPE.
  expect(await run('kill -PIPE $$; echo alive')).toMatchObject({ said: '', signal: 'SIGPIPE' });
});

test('a signal that aborts kills it, also one that aborted meanwhile', async () => {
  const stop = new AbortController();
  const program = await startProgram('sleep', ['1000'], { fds: [], env, signal: stop.signal });
  const starting = startProgram('sleep', ['1000'], { fds: [], env, signal: stop.signal });
  stop.abort();
  expect(await program.ended).toEqual({ signal: 'SIGKILL' });
  expect(await (await starting).ended).toEqual({ signal: 'SIGKILL' });
  await expect(startProgram('true', [], { fds: [], env, signal: stop.signal })).rejects.toThrow('aborted');
});

test('what cannot be started is told by its errno, and leaves no descriptor open', async () => {
  const open = () => readdirSync('/proc/self/fd').length;
  await startProgram('true', [], { fds: [], env }).then(({ ended }) => ended);
  const before = open();
  const start = (file: string, options: Partial<ProgramOptions> = {}, args: string[] = []) =>
    startProgram(file, args, { fds: ['it-reads', 'it-writes', 'null'], env, ...options });
  await expect(start('no-such-program')).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(start('/no/such/program')).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(start('/etc/passwd')).rejects.toMatchObject({ code: 'EACCES' });
  await expect(start('true', { cwd: '/no/such/directory' })).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(start('true', { env: {} })).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(start('true', {}, ['a\0b'])).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(start('true', {}, Array(40).fill('x'.repeat(100_000)))).rejects.toMatchObject({ code: 'E2BIG' });
  await setImmediate();
  expect(open()).toBe(before);
});

test('arguments may take as much as the kernel has room for', async () => {
  const args = Array<string>(10).fill('x'.repeat(100_000));
  const program = await startProgram('sh', ['-c', 'echo $# $0', ...args], { fds: ['null', 'it-writes'], env });
  expect(await text(program.pipes[1]!)).toBe(`9 ${args[0]}\n`);
});

test('many at once are all told, beside those of node:child_process', async () => {
  const codes = Array.from({ length: 60 }, (_, i) => i);
  const ended = await Promise.all(
    codes.map(async (code) => {
      if (code % 3 === 0) return (await once(spawn('sh', ['-c', `exit ${code}`]), 'exit'))[0];
      return (await run(`echo ${code}; exit ${code}`)).code;
    }),
  );
  expect(ended).toEqual(codes);
});

test('one in a session of its own leads it', async () => {
  const session = 'cut -d" " -f6 /proc/$$/stat; echo $$';
  const own = (await run(session, { ownSession: true })).said.split('\n');
  const ours = (await run(session)).said.split('\n');
  expect(own[0]).toBe(own[1]);
  expect(ours[0]).toBe(readFileSync('/proc/self/stat', 'utf8').split(' ')[5]);
});

/** What a program of ours says that imports startProgram and does `work`. */
async function saidByParent(work: string): Promise<string> {
  const door = JSON.stringify(join(import.meta.dirname, 'start-program.ts'));
  const source = `import { startProgram } from ${door}; ${work}`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = await Promise.all([text(parent.stdout), once(parent, 'exit')]);
  return said;
}

test('this process waits for its end', async () => {
  const wait = `const { ended } = await startProgram('sleep', ['0.2'], { fds: [] }); console.log(await ended);`;
  expect(await saidByParent(wait)).toBe('{ code: 0 }\n');
});

test('one that nobody waits for outlives this process', async () => {
  const leave = `const program = await startProgram('sleep', ['1000'], { fds: [] }); program.unref(); console.log(program.pid);`;
  const pid = await saidByParent(leave);
  expect(readlinkSync(`/proc/${Number(pid)}/exe`)).toMatch(/sleep|coreutils|busybox/);
  process.kill(Number(pid), 'SIGKILL');
});

test('of a process that somebody else has reaped nobody says that it went well', async () => {
  expect(await children.whenEnded(1)).toEqual({ code: 255 });
});

/** Waits until it has ended, without letting anyone hear of it. */
function untilZombie(pid: number): void {
  while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
}

test('one that ends behind a child of Node, which nobody has reaped yet, is reaped', async () => {
  const ours = await startProgram('cat', [], { fds: ['it-reads'] });
  const nodes = spawn('true');
  untilZombie(nodes.pid as number);
  ours.kill('SIGKILL');
  untilZombie(ours.pid);
  expect(await ours.ended).toEqual({ signal: 'SIGKILL' });
});

test('of many that end at once some are heard of in each turn of the event loop', async () => {
  const programs = await Promise.all(Array.from({ length: 60 }, () => startProgram('cat', [], { fds: ['it-reads'] })));
  let turn = 0;
  const endedIn: number[] = [];
  const ended = programs.map((program) => program.ended.then(() => endedIn.push(turn)));
  for (const { pid } of programs) process.kill(pid, 'SIGKILL');
  for (const { pid } of programs) untilZombie(pid);
  for (; endedIn.length < 60; turn++) await setImmediate();
  await Promise.all(ended);
  const inTurn = Object.values(Object.groupBy(endedIn, String)).map((all) => all?.length ?? 0);
  expect(Math.max(...inTurn)).toBeLessThan(40);
});
