#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Shell scripts by shellcheck, Python by compiling, spelling by codespell.
set -u
cd "$(dirname "$0")/../.." || exit 1
n=0
report() { # status what
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
mapfile -t files < <(git ls-files -co --exclude-standard)
shell=() python=()
for f in "${files[@]}"; do
	[ -f "$f" ] || continue
	case $(head -c 60 "$f" | head -1 | tr -d '\0') in
	'#!/bin/bash'* | '#!/bin/sh'*) shell+=("$f") ;;
	*python3*) python+=("$f") ;;
	esac
done
shellcheck -S warning "${shell[@]}"
report $? "shellcheck: ${#shell[@]} scripts"
python3 - "${python[@]}" << 'END'
import sys
bad = 0
for f in sys.argv[1:]:
    try:
        compile(open(f).read(), f, "exec")
    except SyntaxError as e:
        print("#", e)
        bad = 1
sys.exit(bad)
END
report $? "python compiles: ${#python[@]} programs"
codespell -q 3 -L ser,te,nd,fo,ot,inout,tre,hsi,ans,afile,pres,clen,lods,numer,wit,iff,mis,parms,ro,crate,fro,foto,als,thi,ist,sie,ue,ba,statics,unsecure,filp,bu,vart,ists,hist,doesnt \
	--skip 'tests/fuzz/corpus/*,*.svg,*.lock,build,third_party' "${files[@]}"
report $? "codespell"
echo 1..$n
