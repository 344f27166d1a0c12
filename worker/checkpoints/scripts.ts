/**
 * The scripts around a shadow repository, which run with the rights of the person's user. `$1` is
 * its directory and `$2` the workspace. A lock keeps two of them apart, also when the worker that
 * started one of them is dead; so a lock of git's own can only be left over.
 *
 * The repository's settings are written each time: no hooks, no filters, no conversions, no
 * monitor, and none of the machine's or the person's settings. Where a part of it is missing, it
 * begins anew. Its index and its objects are in the home; git opens no repository in the workspace.
 */
const prelude = `dir=$1 work=$2
shift 2
umask 077
export GIT_DIR="$dir/git" GIT_WORK_TREE="$work" GIT_INDEX_FILE="$dir/git/index"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_ATTR_NOSYSTEM=1 GIT_NO_REPLACE_OBJECTS=1 HOME=/nonexistent
export GIT_AUTHOR_NAME=sidepocket GIT_AUTHOR_EMAIL=s@localhost GIT_COMMITTER_NAME=sidepocket GIT_COMMITTER_EMAIL=s@localhost
[ -d "$dir" ] || mkdir -p "$dir"
cd "$dir" || exit 74
exec 9> lock && flock -w 25 9 || exit 75
last=0
for file in list.*; do
  number=\${file#list.}
  [ "$number" != '*' ] && [ "$number" -gt "$last" ] && last=$number
done
is_whole() { [ -f git/index ] && { [ -f "git/refs/checkpoints/$last" ] || [ -f git/packed-refs ]; }; }
[ "$last" -eq 0 ] || is_whole || { rm -rf git list.* base; last=0; }
settle() {
  [ ! -e git/index.lock ] || rm -f git/index.lock
  [ -d git/objects ] || git init -q --template= || exit 74
  [ -d git/info ] || mkdir -p git/info
  printf '[core]\\nrepositoryformatversion = 0\\nbare = false\\nhooksPath = /dev/null\\nfsmonitor = false\\nuntrackedCache = false\\npreloadIndex = false\\nautocrlf = false\\nsafecrlf = false\\nsymlinks = true\\nfilemode = true\\nignorecase = false\\nprecomposeunicode = false\\nprotectNTFS = false\\nprotectHFS = false\\nlooseCompression = 1\\nquotePath = true\\n[gc]\\nauto = 0\\n[index]\\nversion = 4\\n' > git/config
  printf '* -text -filter -ident -merge -working-tree-encoding -eol -crlf !diff\\n' > git/info/attributes
}
keep_base() {
  [ -n "$turn" ] || return 0
  read -r known open < base || known= open=
  [ "$known" != + ] || { set_base "$turn" "$open"; return 0; }
  [ "$known" = "$turn" ] || set_base "$turn" "$1"
} 2> /dev/null
set_base() { printf '%s %s\\n' "$1" "$2" > base.new && mv base.new base; }
base_of() {
  read -r known number < base || known=
  if [ -n "$turn" ] && [ "$known" = "$turn" ]; then echo "$number"
  elif [ -z "$turn" ] && [ "$known" = + ]; then echo "$number"
  else echo 0; fi
} 2> /dev/null
`;

/** Directories that tools fill, and which they can make again. */
const pruned =
  '-iname .git -o -name node_modules -o -name .cache -o -name __pycache__ -o -name .venv -o -name .pnpm-store -o -name .gradle -o -name .tox -o -name .mypy_cache -o -name .pytest_cache';

/**
 * What is in the workspace, one line an entry, without following links or leaving the file system.
 * */
const list = `find . -mindepth 1 -xdev \\( -type d \\( ${pruned} -o -path ./inbox \\) -prune -printf 'o 0 0 0 %P\\0' \\) -o -type d -printf 'd %m 0 0 %P\\0' -o -type l -printf 'l 777 %s %C@ %P\\0' -o -type f ! -readable -printf 'u %m %s %C@ %P\\0' -o ! -readable -printf 'o 0 0 0 %P\\0' -o -printf '%y %m %s %C@ %P\\0' 2> /dev/null`;

/**
 * Its directories alone, which takes no look at the files, and those that were found the last time,
 * which takes no look at their entries: what comes or goes changes the directory around it. A
 * directory that has changed within the last second is marked with the number of this process, so
 * that it counts as changed.
 */
const state = `\\( -newerct '1 second ago' -printf "$$ " , -printf '%C@ %m %p\\0' \\)`;
const directories = `find . -xdev -type d \\( \\( ${pruned} -o -path ./inbox \\) -prune -o -fprintf "$dir/places.new" '%p\\0' ${state} \\) > "$dir/directories.new" 2> /dev/null`;
const knownDirectories = `find -files0-from "$dir/places" -maxdepth 0 ${state} 2> /dev/null`;

/** The largest listing (bytes), of some 150,000 files; a larger workspace has no checkpoints. */
const largestListing = 16 * 2 ** 20;

/**
 * Looks at the workspace: at its directories, and as `git status` does at the files that are known;
 * if all are as they were, that is all. Else it is listed. Prints the number of the last
 * checkpoint, where the turn began, and `same`; or the size of the new listing, which follows, and
 * then the old one; or `back` when files were going back and the worker was ended. `$3`: the turn
 * whose beginning this is, or nothing, and then the beginning is that of what goes on without a
 * turn, if something does.
 */
export const look = `${prelude}turn=$1
[ ! -f git/refs/back ] || { echo "$last 0 back"; exit 0; }
settle
cd "$work" || exit 66
if [ "$last" -gt 0 ] && [ -f "$dir/directories" ] && ${knownDirectories} | cmp -s - "$dir/directories" && git diff-files --quiet; then
  cd "$dir" && keep_base "$last"
  echo "$last $(base_of) same"
  exit 0
fi
${directories}
${list} > "$dir/new"
cd "$dir" || exit 74
size=$(stat -c %s new) && [ "$size" -le ${largestListing} ] || exit 67
echo "$last 0 $size"
cat new
[ "$last" -eq 0 ] || cat "list.$last"`;

/**
 * Stores a checkpoint. Its input is: paths that are gone and paths to store, each ended by a NUL,
 * then manifest, note and listing. `$3`: the turn whose beginning this is, or nothing; then the
 * numbers of paths of both kinds, and of the bytes of paths, manifest and note, and `yes` if every
 * change is old enough to be told from a later one. A workspace as it was at the last checkpoint
 * gets none. Prints the number of the checkpoint, and where the turn began.
 */
export const store = `${prelude}turn=$1 gone=$2 fresh=$3 paths=$4 manifest=$5 note=$6 isSettled=$7
settle
cat > input || exit 74
head -c "$paths" input > paths
head -z -n "$gone" paths | git update-index -z --force-remove --stdin || exit 68
[ "$fresh" -eq 0 ] || tail -z -n "+$((gone + 1))" paths | git update-index -z --add --remove --replace --stdin 2> refused || { cat refused >&2; exit 68; }
files=$(git write-tree) || exit 68
tail -c "+$((paths + 1))" input | head -c "$manifest" > list.text
text=$(git hash-object -w --no-filters list.text) || exit 68
tree=$(printf '040000 tree %s\\tfiles\\n100644 blob %s\\tlist\\n' "$files" "$text" | git mktree) || exit 68
number=$last
[ "$last" -gt 0 ] && [ "$(git rev-parse -q --verify "refs/checkpoints/$last^{tree}")" = "$tree" ] || {
  number=$((last + 1))
  commit=$(tail -c "+$((paths + manifest + 1))" input | head -c "$note" | git commit-tree "$tree") || exit 68
  git update-ref "refs/checkpoints/$number" "$commit" || exit 68
}
tail -c "+$((paths + manifest + note + 1))" input > next
keep_base "$number"
rm -f directories
[ "$last" -eq 0 ] || [ "$last" -eq "$number" ] || mv "list.$last" "list.$number"
mv next "list.$number"
[ -z "$isSettled" ] || { mv places.new places && mv directories.new directories; }
rm -f input paths list.text refused new
echo "$number $(base_of)"`;

/** Adds a note to the last checkpoint, as one with the same content. The input is the note. */
export const annotate = `${prelude}settle
[ "$last" -gt 0 ] || exit 69
number=$((last + 1))
commit=$(git commit-tree "refs/checkpoints/$last^{tree}") || exit 68
git update-ref "refs/checkpoints/$number" "$commit" || exit 68
mv "list.$last" "list.$number"
echo "$number"`;

/**
 * Something of the turn goes on without it: the next turn begins at checkpoint `$3`, where this one
 * has ended, and so has what is changed until then.
 */
export const leaveOpen = `${prelude}set_base + "$1"`;

/** Prints each checkpoint's number and note. */
export const history = `${prelude}[ -d git/objects ] || exit 0
git for-each-ref --format='%(refname:lstrip=2) %(contents:subject)' refs/checkpoints`;

/**
 * Prints what some checkpoints hold: for each a line with the sizes of its manifest and of its
 * files, and then both. `0` is the checkpoint that files are going back to.
 */
export const contents = `${prelude}for number do
  name=refs/checkpoints/$number
  [ "$number" != 0 ] || name=refs/back
  git cat-file blob "$name:list" > one && git ls-tree -r -z "$name:files" > two || exit 68
  echo "$(stat -c %s one) $(stat -c %s two)"
  cat one two
done
rm -f one two`;

/**
 * Prepares a way back: stores what the workspace is going to be. Its input is the new index,
 * manifest and note; `$3` and `$4` are the sizes of the first two.
 */
export const prepare = `${prelude}index=$1 manifest=$2
settle
cat > input || exit 74
export GIT_INDEX_FILE="$dir/git/index.back"
rm -f git/index.back git/index.back.lock
head -c "$index" input | git update-index -z --index-info || exit 68
files=$(git write-tree) || exit 68
tail -c "+$((index + 1))" input | head -c "$manifest" > list.text
text=$(git hash-object -w --no-filters list.text) || exit 68
tree=$(printf '040000 tree %s\\tfiles\\n100644 blob %s\\tlist\\n' "$files" "$text" | git mktree) || exit 68
commit=$(tail -c "+$((index + manifest + 1))" input | git commit-tree "$tree") || exit 68
git update-ref refs/back "$commit" || exit 68
rm -f input list.text`;

/**
 * Takes the workspace to `refs/back`. May be repeated after a crash at any place: each step leaves
 * alone what is done. Its input is paths, each ended by a NUL, in this order, and the words after
 * `$2` are their numbers: directories to open, files to remove, directories to remove (the deepest
 * first) and to make, and files to write; then one word `mode:number` for each kind of permissions
 * to set.
 */
export const apply = `${prelude}open=$1 files=$2 directories=$3 made=$4 written=$5
shift 5
settle
cat > paths || exit 74
taken=0
take() {
  [ "$1" -eq 0 ] || tail -z -n "+$((taken + 1))" "$dir/paths" | head -z -n "$1"
}
cd "$work" || exit 66
export GIT_INDEX_FILE="$dir/git/index.back"
[ -f "$GIT_INDEX_FILE" ] || git read-tree refs/back:files || exit 68
take "$open" | xargs -0 -r chmod u+rwx -- 2> /dev/null
taken=$((taken + open))
take "$files" | xargs -0 -r rm -f -- 2> /dev/null
taken=$((taken + files))
take "$directories" | xargs -0 -r rmdir -- 2> /dev/null
taken=$((taken + directories))
take "$made" | xargs -0 -r mkdir -p -- || exit 70
taken=$((taken + made))
take "$written" | git checkout-index -f -z --stdin || exit 70
taken=$((taken + written))
for word do
  # Of a directory, GNU's chmod clears the bits above with five digits or more.
  take "\${word#*:}" | xargs -0 -r chmod "0000\${word%%:*}" -- || exit 70
  taken=$((taken + \${word#*:}))
done
cd "$dir" || exit 74
number=$((last + 1))
printf 'update refs/checkpoints/%s %s\\ndelete refs/back\\n' "$number" "$(git rev-parse refs/back)" | git update-ref --stdin || exit 68
mv "list.$last" "list.$number"
rm -f git/index.back paths base
echo "$number"`;

/**
 * Prints how two checkpoints differ: git's raw form and its numbers of lines, both ended by NULs.
 * `0` stands for an empty one.
 */
export const differ = `${prelude}git diff-tree -r -z -M --no-ext-diff --no-textconv --raw --numstat "refs/checkpoints/$1:files" "refs/checkpoints/$2:files"`;

/**
 * Prints the change of each pair of contents in the input, at most `$3` bytes each, behind a line
 * with its size.
 */
export const patches = `${prelude}settle
git hash-object -w --stdin < /dev/null > /dev/null
while read -r before after; do
  git diff --no-ext-diff --no-textconv --no-color -U3 "$before" "$after" < /dev/null | head -c "$1" > patch
  stat -c %s patch
  cat patch
done
rm -f patch`;

/** Prints a content of at most `$4` bytes; nothing for a larger one. */
export const blob = `${prelude}[ "$(git cat-file -s "$1")" -le "$2" ] && git cat-file blob "$1"`;

/**
 * Prints for each of the paths in the input whether a repository in the workspace ignores it, in
 * the form of `git check-ignore -v -n -z`; `$3` is its directory there. Each path begins with `./`,
 * since a leading colon is magic to git. It ends at a path that git refuses. Without a repository
 * that git opens, the files that say what is ignored still count. Nothing that its settings name is
 * run.
 */
export const ignored = `dir=$1 work=$2 repository=$3
cd "$work/$repository" || exit 0
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_OPTIONAL_LOCKS=0 GIT_ALLOW_PROTOCOL=none HOME=/nonexistent
set -- -c core.fsmonitor=false -c core.hooksPath=/dev/null
index=
timeout 5 git "$@" rev-parse --git-dir > /dev/null 2>&1 || { index=--no-index; set -- "$@" --git-dir="$dir/git" --work-tree=.; }
timeout 5 git "$@" check-ignore $index -v -n -z --stdin 2> /dev/null || :`;

/**
 * Forgets checkpoints: all before `$3`, and what only those have held.
 */
export const forget = `${prelude}oldest=$1
[ -d git/objects ] && [ ! -f git/refs/back ] || { echo 0; exit 0; }
settle
git for-each-ref --format='%(refname:lstrip=2)' refs/checkpoints | while read -r number; do
  [ "$number" -ge "$oldest" ] || echo "delete refs/checkpoints/$number"
done | git update-ref --stdin
nice -n 19 git gc --quiet --prune=now
du -sk git | cut -f 1`;
