/** The commands. What each one does is small enough to be here, or in the file named after it. */
import { Argument, Command, CommanderError } from 'commander';
import { CodedError, describeFailure, failureKinds } from '../api/errors.ts';
import type { ControlClient } from './control-client.ts';
import { doctorPage, works } from './doctor-page.ts';
import { eventLine, readClocks } from './event-line.ts';
import { chooseSocket, type SocketOptions } from './socket-choice.ts';
import { pinnedText, statusPage } from './status-page.ts';
import { switchOver } from './switchover.ts';
import type { Terminal } from './terminal.ts';

/** Runs one command line (without node and script). Resolves to the exit status; never rejects. */
export async function runCommandLine(argv: readonly string[], terminal: Terminal): Promise<number> {
  let status = 0;
  const program = describeProgram(terminal, (value) => {
    status = value;
  });
  try {
    const asked = argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V') ? ['version'] : argv;
    await program.parseAsync(asked, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : failureKinds.usage.exit;
    const { code, message, remedy } = describeFailure(error);
    terminal.err(`understudy: ${message}\n${remedy === '' ? '' : `  ${remedy}\n`}`);
    return failureKinds[code].exit;
  }
}

type SetStatus = (status: number) => void;

function describeProgram(terminal: Terminal, setStatus: SetStatus): Command {
  const program = new Command('understudy')
    .description('A redundant machine takes over for a failed primary and nobody on the network notices.')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .showHelpAfterError('(understudy --help lists the commands)');
  addDaemonCommands(program, terminal, setStatus);
  addQuestions(program, terminal);
  addRequests(program, terminal);
  // A wrong option of a command is answered with that command's few options; the lab answers for itself.
  for (const command of program.commands) if (command.name() !== 'lab') command.showHelpAfterError(true);
  return program;
}

function addDaemonCommands(program: Command, terminal: Terminal, setStatus: SetStatus): void {
  program
    .command('run')
    .description('run the daemon in the foreground')
    .requiredOption('-c, --config <file>', 'the configuration file')
    .action(async ({ config }: { config: string }) => {
      const { restartSteady, young } = await import('../daemon/steadiness.ts');
      restartSteady(young.member);
      const { runDaemon } = await import('../daemon/main.ts');
      setStatus(await runDaemon({ configPath: config }));
    });
  program
    .command('witness')
    .description('run the daemon on a machine that only has a vote in strict groups; refuses any other')
    .requiredOption('-c, --config <file>', 'the configuration file')
    .action(async ({ config }: { config: string }) => {
      const { requireWitness } = await import('../daemon/witness.ts');
      requireWitness(config);
      const { restartSteady, young } = await import('../daemon/steadiness.ts');
      restartSteady(young.witness);
      const { runDaemon } = await import('../daemon/main.ts');
      setStatus(await runDaemon({ configPath: config }));
    });
  withSocket(program.command('relay'))
    .description('run the relay of a mirrored group in the foreground (a daemon starts its own)')
    .argument('<group>')
    .action(async (group: string, options: SocketOptions) => {
      const controlSocket = await chooseSocket(options);
      const { runRelay } = await import('../relay/main.ts');
      setStatus(await runRelay({ group, controlSocket }));
    });
  program
    .command('check')
    .description('say what a configuration comes to, or everything that is wrong with it')
    .argument('[file]', 'the configuration file')
    .option('-c, --config <file>', 'the same, as the other commands take it')
    .action(async (argument: string | undefined, options: { config?: string }) => {
      const file = argument ?? options.config;
      if (file === undefined) throw new CodedError('usage', 'no file was given', 'understudy check FILE');
      const { summarizeConfig } = await import('../daemon/check.ts');
      const { lines, warnings } = summarizeConfig(file);
      for (const warning of warnings) terminal.err(`warning: ${warning}\n`);
      terminal.out(`ok\n${lines.join('\n')}\n`);
    });
  program
    .command('doctor')
    .description('say whether a daemon would work here: what this machine, its kernel and this process offer')
    .argument('[file]', 'a configuration file: also whether this machine is as it says')
    .option('-c, --config <file>', 'the same, as the other commands take it')
    .option('--json', 'as JSON')
    .action(async (argument: string | undefined, options: { config?: string; json?: boolean }) => {
      const { examine } = await import('../daemon/doctor/examine.ts');
      const findings = await examine(argument ?? options.config);
      const fit = works(findings);
      terminal.out(
        options.json ? `${JSON.stringify({ works: fit, findings }, null, 2)}\n` : doctorPage(findings),
      );
      setStatus(fit ? 0 : 1);
    });
  program
    .command('clean')
    .description('remove the fences, rules and routes that crashed daemons left on this machine')
    .action(async () => {
      const { cleanRemains } = await import('../daemon/clean.ts');
      const { removed, kept } = cleanRemains();
      for (const name of kept) terminal.out(`left ${name}: its daemon runs; stop that first\n`);
      terminal.out(removed.length === 0 ? 'nothing to remove\n' : `removed ${removed.join(', ')}\n`);
    });
  program
    .command('version')
    .description('which version this is')
    .action(async () => {
      const { version } = await import('../daemon/version.ts');
      terminal.out(`${version}\n`);
    });
  program
    .command('lab')
    .description('build, break and measure whole networks inside private namespaces (understudy lab --help)')
    .argument('[arguments...]')
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(async (rest: string[]) => {
      const { runLab } = await import('../lab/main.ts');
      setStatus(await runLab(rest));
    });
}

function addQuestions(program: Command, terminal: Terminal): void {
  withSocket(program.command('status'))
    .description('roles, peers, lease')
    .option('--json', 'as JSON')
    .action(async (options: SocketOptions & { json?: boolean }) => {
      const status = await withClient(options, (client) => client.status());
      terminal.out(
        options.json ? `${JSON.stringify(status, null, 2)}\n` : statusPage(status, readClocks().monotonicUs),
      );
    });
  withSocket(program.command('metrics'))
    .description('numbers of mirrored services, in Prometheus’ text format')
    .action(async (options: SocketOptions) =>
      terminal.out(await withClient(options, (client) => client.metrics())),
    );
  withSocket(program.command('events'))
    .description('what happened, oldest first')
    .option('-f, --follow', 'go on as it happens')
    .option('--json', 'one JSON object per line')
    .action((options: SocketOptions & { json?: boolean; follow?: boolean }) =>
      withClient(options, async (client) => {
        const clocks = readClocks();
        for await (const event of client.events(0, options.follow === true)) {
          terminal.out(options.json ? `${JSON.stringify(event)}\n` : eventLine(event, clocks));
        }
        if (options.follow)
          throw new CodedError('daemonUnreachable', 'the daemon ended', 'see its log for why');
      }),
    );
}

function addRequests(program: Command, terminal: Terminal): void {
  withSocket(program.command('switchover'))
    .description('hand a group over in order, without losing a packet')
    .argument('<group>')
    .option('--to <node>', 'to this member; else the best standby')
    .action((group: string, options: SocketOptions & { to?: string }) =>
      withClient(options, async (client) => terminal.out(`${await switchOver(client, group, options.to)}\n`)),
    );
  withSocket(program.command('maintenance'))
    .description('pin what this member is in a group, whatever happens, or end that')
    .argument('<group>')
    .addArgument(new Argument('<state>').choices(['on', 'off']))
    .action((group: string, state: string, options: SocketOptions) =>
      withClient(options, async (client) => {
        const { role, warnings } = await client.maintenance(group, state === 'on');
        terminal.out(`${group}: ${pinnedText[role ?? 'nothing']}\n`);
        for (const warning of warnings) terminal.err(`warning: ${group}: ${warning}\n`);
      }),
    );
  withSocket(program.command('reload'))
    .description('read the configuration again; a bad file changes nothing')
    .action((options: SocketOptions) =>
      withClient(options, async (client) => {
        const { changed, needsRestart } = await client.reload();
        terminal.out(changed.length === 0 ? 'nothing changed\n' : `changed: ${changed.join(', ')}\n`);
        if (needsRestart.length > 0) terminal.out(`needs a restart: ${needsRestart.join(', ')}\n`);
      }),
    );
}

function withSocket(command: Command): Command {
  return command
    .option('-s, --socket <path>', 'the control socket of the daemon')
    .option('-c, --config <file>', 'the configuration of the daemon, to find its socket');
}

async function withClient<Answer>(
  options: SocketOptions,
  use: (client: ControlClient) => Promise<Answer>,
): Promise<Answer> {
  // A daemon and a relay start without what only these commands need: a fifth of a second of computing each.
  const { ControlClient } = await import('./control-client.ts');
  const client = new ControlClient(await chooseSocket(options));
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}
