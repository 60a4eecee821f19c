/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol: Glint's disks. The table of the verbs, with their help; each is in a
 * file of its own. The file systems are the guest's own sources.
 */
#include "tools/mkvol.h"

#include <string.h>

#include "kernel/log.h"
#include "tools/host_kernel.h"

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args, *what, *more;
};

#define PART_HELP \
"IMAGE is a file or a block device; IMAGE:LABEL or IMAGE:2 a partition of it. A\n" \
"file with a colon in its name is that file; --part LABEL names a partition\n" \
"beyond doubt. An image with one partition needs no label.\n"

static const struct verb verbs[] = {
	{ "volume", verb_volume, "-o IMAGE[:PART] [--size SIZE] FOLDER",
	  "a littlefs volume with the folder's files",
"On a whole disk: a file (made new) or a block device; or on a partition that\n"
"there is, over what it holds. SIZE is bytes or 64M, 2G; without it, the content\n"
"and a quarter more. Symbolic links are followed where they stay inside the\n"
"folder, else skipped with a warning. The same folder gives the same image, byte\n"
"for byte.\n" },
	{ "archive", verb_archive, "-o FILE.tar FOLDER",
	  "a read-only archive (tar)",
"For use as boot module or disk; -o IMAGE:PART puts it onto a partition.\n" },
	{ "disk", verb_disk, "-o IMAGE [--size SIZE] PART...",
	  "a disk with partitions (GPT)",
"PART is LABEL:TYPE[:SIZE][:SOURCE]\n"
"  TYPE    littlefs, raw, archive\n"
"  SIZE    64M, 2G, ...; `rest` (or *): all that is left of --size; `auto`, or\n"
"          none: as the source needs (a volume: and a quarter more). Rounded up\n"
"          to 1 MiB. What does not look like a size begins the source.\n"
"  SOURCE  a folder for littlefs and archive, a file for raw; archive needs it\n"
"as in: mkvol disk -o d.img --size 1G site:archive:www db:raw:256M data:littlefs:rest\n"
"  --size SIZE        of the disk; without it, what the partitions need; a block\n"
"                     device has its own.\n"
"  --sector-size N    512 (default) or 4096, as the disk will be attached; a block\n"
"                     device has its own\n"
"  --random-guid      else GUIDs come from labels, types and sizes: the same\n"
"                     command makes the same disk, and two disks of one kind\n"
"                     have the same GUIDs\n" },
	{ "parts", verb_parts, "IMAGE", "the partitions and what is on them",
"Number, label, type, size, used, content. `used` of a volume is read from it.\n" },
	{ "ls", verb_ls, "[-l] IMAGE[:PART] [PATH]", "lists files, recursively",
"  -l, --long  mode, size and time (UTC) too\n" },
	{ "cat", verb_cat, "IMAGE[:PART] PATH...", "prints files", "" },
	{ "extract", verb_extract, "IMAGE[:PART] FOLDER [PATH]",
	  "copies all files (or those below PATH) into FOLDER",
"Never over files that are there.\n" },
	{ "get", verb_get, "IMAGE[:PART] [PATH...] DEST",
	  "copies files and directories out",
"DEST is a folder, or the new name of the one PATH. Without PATH: the whole\n"
"content of the partition into the file DEST (- is standard output).\n" },
	{ "put", verb_put, "IMAGE[:PART] FILE... /PATH",
	  "copies files and folders in",
"/PATH is a directory of the volume, or the new name of the one FILE. Modes and\n"
"times are kept. Each file is replaced as a whole or not at all. Without /PATH:\n"
"the file becomes the content of a raw partition (- is standard input; what is\n"
"behind its end stays).\n" },
	{ "rm", verb_rm, "[-r] IMAGE[:PART] PATH...", "removes",
"  -r, --recursive  directories with all that is in them\n" },
	{ "mkdir", verb_mkdir, "[-p] IMAGE[:PART] PATH...", "makes directories",
"  -p, --parents  those above it too; no error if it is there\n" },
	{ "check", verb_check, "[--data] [--repair] IMAGE[:PART]",
	  "finds out whether a disk is sound",
"The partition tables, and every volume: metadata and its checksums, directories,\n"
"names, attributes, each file's blocks. Says what is wrong and where, and goes on.\n"
"  -d, --data    reads all data too (littlefs has no checksums of data: this\n"
"                finds what the disk cannot read, not what is wrong in it)\n"
"  -r, --repair  writes a bad partition table anew from the good one; has\n"
"                littlefs finish what a power cut left half done\n"
"Exit status: 0 clean (notes are no problems; after --repair: clean now), 1\n"
"problems, 2 wrong usage, 3 it could not be done (no such file, in use, ...).\n" },
	{ "resize", verb_resize, "IMAGE[:PART] SIZE",
	  "makes a partition and its volume larger",
"SIZE is 64M, 2G, or `max`: up to the next partition or the end of the image. The\n"
"last partition's image file grows as needed. IMAGE alone: a volume without a\n"
"table, or the disk (its table moves to the new end). Nothing shrinks: littlefs\n"
"cannot; extract and make a new one. Stopped anywhere, the disk is whole, and the\n"
"same command carries on.\n" },
	{ "mv", verb_mv, "IMAGE[:PART] PATH PATH", "renames or moves", "" },
};

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static int help_all(FILE *f)
{
	fputs("usage: mkvol VERB ...; mkvol VERB --help tells more\n", f);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(f, "  %-8s %s\n%11s%s\n", verbs[i].name, verbs[i].args,
			"", verbs[i].what);
	fputs("\n" PART_HELP "\n"
	      "Exit status: 0; 1 it failed, the reason is on stderr; 2 wrong "
	      "usage.\ncheck: 0 clean, 1 problems found, 2 wrong usage, 3 it "
	      "could not be done.\n", f);
	return f == stdout ? MKVOL_OK : MKVOL_USAGE;
}

static int help_one(const struct verb *v)
{
	printf("usage: mkvol %s %s\n%s\n\n%s%s", v->name, v->args, v->what,
	       v->more, strstr(v->args, "[:PART]") ? "\n" PART_HELP : "");
	return MKVOL_OK;
}

/* --help before a "--", or right behind the verb. */
static bool wants_help(int argc, char **argv)
{
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "--help") || (i == 2 &&
						   !strcmp(argv[i], "-h")))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct verb *v;

	host_log_prefix = "mkvol: ";
	log_threshold[LOG_FS] = LOG_WARN;
	if (argc == 1)
		return help_all(stderr);
	if (!strcmp(name, "help") && argc == 3 && find(argv[2]))
		return help_one(find(argv[2]));
	if (!strcmp(name, "--help") || !strcmp(name, "-h") ||
	    !strcmp(name, "help"))
		return help_all(stdout);
	v = find(name);
	if (!v) {
		warn("unknown command: %s (mkvol --help)", name);
		return MKVOL_USAGE;
	}
	if (wants_help(argc, argv))
		return help_one(v);
	catch_signals();
	return v->run(argc - 1, argv + 1);
}
