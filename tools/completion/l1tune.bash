# SPDX-License-Identifier: GPL-2.0
# bash completion for l1tune: the tool itself says what may come next.

_l1tune()
{
	local IFS=$'\n' i line head end
	local -a words=()

	# bash splits words at = and : too.
	for ((i = 1; i <= COMP_CWORD; i++)); do
		line=${COMP_WORDS[i]}
		if ((${#words[@]})) && [[ $line == [=:]* || ${words[-1]} == *[=:] ]]; then
			words[-1]+=$line
		else
			words+=("$line")
		fi
	done
	# Only what follows the last of them is replaced.
	line=${words[-1]//\\/}
	words[-1]=$line
	head=${line%"${line##*[=:]}"}
	COMPREPLY=()
	while read -r line; do
		line=${line%%$'\t'*}
		case $line in
		:files)
			compopt -o filenames
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "${words[-1]#"$head"}")
			continue
			;;
		:directories)
			compopt -o filenames
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "${words[-1]#"$head"}")
			continue
			;;
		esac
		# Something follows, without a blank.
		end=${line##*[!=:]}
		[[ ! $end ]] || compopt -o nospace
		# Names of guests and cgroups may hold what the shell would take for something else.
		line=${line#"$head"}
		line=${line%"$end"}
		[[ ! $line ]] || printf -v line '%q' "$line"
		COMPREPLY+=("$line$end")
	done < <("${COMP_WORDS[0]}" completion -- "${words[@]}" 2> /dev/null)
}

complete -F _l1tune l1tune
