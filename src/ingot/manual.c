/* The manual pages ingot(1) and ingot.conf(5), made from the tables of subcommands, flags and options. */
#include "ingot/manual.h"

#include <stdio.h>
#include <string.h>

#include <config.h>
#include "ingot/command.h"

/* Text in roff: a dash is a dash, a backslash itself, and no line begins with a request. */
static void put(const char *text)
{
    bool begins = true;
    for (; *text; text++) {
        if (begins && (*text == '.' || *text == '\''))
            printf("\\&");
        begins = *text == '\n';
        if (*text == '-')
            printf("\\-");
        else if (*text == '\\')
            printf("\\e");
        else
            putchar(*text);
    }
}

static void put_head(const char *name, const char *section, const char *what)
{
    printf(".TH %s %s \"\" \"ingot %s\" \"Ingot\"\n.SH NAME\n%s \\- %s\n", name, section, PACKAGE_VERSION, name, what);
}

static void put_term(const char *name, const char *value)
{
    printf(".TP\n.B ");
    put(name);
    if (value) {
        printf(" \\fI");
        put(value);
        printf("\\fR");
    }
    printf("\n");
}

static void put_command(const struct command *command)
{
    printf(".SS ");
    put(command->name);
    printf("\n.B ingot %s\n", command->name);
    put(command->synopsis);
    printf("\n.PP\n");
    put(command->summary);
    printf("\n");
    if (*command->details) {
        printf(".PP\n");
        put(command->details);
        printf("\n");
    }
    for (size_t i = 0; command->flags[i].name; i++) {
        char name[64];
        snprintf(name, sizeof(name), "--%s", command->flags[i].name);
        put_term(name, command->flags[i].value);
        put(command->flags[i].help);
        printf("\n");
    }
}

static const char after_commands[] =
    ".SH OPTIONS\n"
    "Every subcommand takes\n"
    ".TP\n.B \\-\\-config \\fIFILE\\fR\nRead FILE instead of " CONFIG_PATH_DEFAULT " (also INGOT_CONFIG).\n"
    ".PP\n"
    "and every option of\n.BR ingot.conf (5)\nas a flag: a name with dashes in place of underscores, such as\n"
    ".BR \\-\\-page\\-cache =128MiB .\n"
    "A flag beats the environment, and that the file. Secrets are never flags: they have a flag that names a file, and a\n"
    "variable.\n"
    ".SH SIGNALS\n"
    ".TP\n.B SIGTERM\\fR, \\fBSIGINT\\fR\nNo new connections; requests under way get drain_timeout to finish. A second one ends\n"
    "without waiting.\n"
    ".TP\n.B SIGHUP\nCertificate and key are read again for new connections; bad ones are refused and the old ones stay. So are the keys of SSE-KMS.\n"
    ".SH ADDRESSES\n"
    "Beside S3 the server answers, without credentials,\n"
    ".TP\n.B /\\-/live\n200 while it runs (also /minio/health/live).\n"
    ".TP\n.B /\\-/ready\n200 when reads and writes would succeed, else 503 (also /minio/health/ready and /minio/health/cluster;\n"
    "for reads alone /minio/health/cluster/read).\n"
    ".TP\n.B /\\-/metrics\nFigures as Prometheus reads them; with metrics_token only for its bearer (also\n"
    "/minio/v2/metrics/cluster, under MinIO's names).\n"
    ".SH QUERIES\n"
    "The views are\n.BR buckets ,\n.BR objects ,\n.B uploads\nand\n.BR access_keys ;\n"
    "the tables behind them can be read as well, but for secrets.\n"
    ".SH EXIT STATUS\n"
    ".TP\n.B 0\nIt worked.\n"
    ".TP\n.B 1\nIt did not; a line on standard error says why and what to do.\n"
    ".TP\n.B 2\nA wrong option, argument or line of the configuration; it is named.\n"
    ".SH FILES\n"
    ".TP\n.I " CONFIG_PATH_DEFAULT "\nThe configuration;\n.B ingot \\-\\-sample\\-config\nwrites one.\n"
    ".TP\n.I /run/ingot/ingot.socket\nThe socket through which subcommands reach the server.\n"
    ".SH EXAMPLES\n"
    ".EX\n"
    "ingot format \\-\\-data 4 \\-\\-parity 2 /dev/sdb /dev/sdc /dev/sdd /dev/sde /dev/sdf /dev/sdg\n"
    "ingot serve \\-\\-config /etc/ingot/ingot.conf\n"
    "ingot volume replace /dev/sdc /dev/sdh\n"
    "ingot key add \\-\\-bucket photos \\-\\-policy readonly \\-\\-expires 30d\n"
    "ingot query \"SELECT key, size FROM objects WHERE bucket = 'share' ORDER BY size DESC LIMIT 10\"\n"
    ".EE\n"
    ".SH SEE ALSO\n"
    ".BR ingot.conf (5)\n";

static void write_ingot(void)
{
    put_head("ingot", "1", "an S3\\-compatible object store on raw block volumes");
    printf(".SH SYNOPSIS\n.B ingot\n.I SUBCOMMAND\n[\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n.br\n"
           ".B ingot \\-\\-help\n|\n.B \\-\\-version\n|\n.B \\-\\-sample\\-config\n|\n.B \\-\\-manual\n.I PAGE\n"
           ".SH DESCRIPTION\n"
           "Ingot turns the block volumes of one machine into an erasure\\-coded, versioned object store that speaks S3, with\n"
           "all its metadata on the same volumes. A running server owns its volumes: the other subcommands reach it through a\n"
           "socket, and open the volumes themselves only when none runs.\n.SH SUBCOMMANDS\n");
    for (size_t i = 0; commands[i]; i++)
        put_command(commands[i]);
    printf("%s", after_commands);
}

static const char *kind_text(const struct config_option *option)
{
    switch (option->kind) {
    case CONFIG_STRING: return "Text.";
    case CONFIG_SECRET: return "Text, or in NAME_file the path of a file whose first line it is.";
    case CONFIG_LIST: return "A list: repeated, or separated by blanks.";
    case CONFIG_SIZE: return "Bytes, or a size such as 64MiB.";
    case CONFIG_DURATION: return "A duration such as 500ms, 30s or 5min.";
    case CONFIG_COUNT: return "A number.";
    case CONFIG_BOOL: return "yes or no.";
    case CONFIG_CHOICE: return "One of";
    }
    return "";
}

static void put_limits(const struct config_option *option)
{
    const char *unit = option->kind == CONFIG_SIZE ? " bytes" : option->kind == CONFIG_DURATION ? " ms" : "";
    if (option->kind == CONFIG_SIZE || option->kind == CONFIG_DURATION || option->kind == CONFIG_COUNT)
        printf("From %llu to %llu%s.\n", (unsigned long long)option->least, (unsigned long long)option->most, unit);
}

static void put_option(const struct config_option *option)
{
    bool secret = option->kind == CONFIG_SECRET;
    put_term(option->name, NULL);
    put(option->help);
    printf("\n.br\n");
    put(kind_text(option));
    if (*option->choices) {
        printf(" ");
        put(option->choices);
        printf(".");
    }
    printf("\n");
    put_limits(option);
    if (*option->value) {
        printf("Default: ");
        put(option->value);
        printf(".\n");
    }
    printf(".br\nFlag: \\fB\\-\\-");
    put(option->flag);
    printf("%s\\fR. Environment: ", secret ? "\\-file" : "");
    put(option->environment);
    printf("%s.\n", secret ? ", or a file's path in the same with _FILE" : "");
}

static void write_conf(void)
{
    put_head("ingot.conf", "5", "options of the Ingot object store");
    printf(".SH DESCRIPTION\n"
           CONFIG_PATH_DEFAULT ", or what\n.B \\-\\-config\nor INGOT_CONFIG names, has a line\n.PP\n.EX\n    name = value\n.EE\n.PP\n"
           "for each option that is not to have its default. Lines that begin with # or ; are comments; there are no sections.\n"
           "An option that does not exist, a value that cannot be and a line that is neither end the program with status 2;\n"
           "file and line are named. A flag beats the environment variable, and that the file; a list that is given\n"
           "replaces the weaker one. MINIO_ROOT_USER and MINIO_ROOT_PASSWORD are understood where Ingot's own are not set.\n"
           ".PP\nThe server reads the file at start; certificates and the keys of SSE-KMS are read again at SIGHUP.\n.SH OPTIONS\n");
    for (uint32_t i = 0; i < config_option_count; i++)
        put_option(&config_options[i]);
    printf(".SH SEE ALSO\n.BR ingot (1)\n");
}

bool manual_write(const char *page)
{
    if (strcmp(page, "ingot") == 0)
        write_ingot();
    else if (strcmp(page, "ingot.conf") == 0)
        write_conf();
    else
        return false;
    return true;
}
